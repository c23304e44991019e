//! `deploy/helm` rendered and read as Kubernetes reads it: what each pod may do, and that values with mistakes are refused.
//! Helm is named by `HELM` or lies on the PATH; kubeconform, with schemas that `KUBECONFORM_SCHEMAS` names, judges the rest.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde::Deserialize as _;
use serde_json::Value;
use watchpost_e2e::platform::workspace;
use watchpost_testkit::skip;

/// A Kubernetes that has all that the chart uses.
const KUBERNETES: &str = "1.34.0";

/// The fewest values with which everything is rendered.
const ANONYMOUS: &[&str] = &["--set", "web.allowAnonymous=true"];

/// All that can be left out or replaced, is.
const ELSEWHERE: &[&str] = &[
    "--set",
    "engine.enabled=false,server.url=https://influx.example.org,tokens.existingSecret=mine",
    "--set",
    "web.usersSecret=users,web.publicUrl=https://watchpost.example.org,alerter.environmentSecret=webhooks",
    "--set-string",
    r"alerter.rules.mine\.toml=a,provisioner.platform=b,agent.configuration=c",
];

fn chart() -> PathBuf {
    workspace().join("deploy/helm/watchpost")
}

fn helm(arguments: &[&str]) -> Option<Output> {
    let program = std::env::var_os("HELM").unwrap_or_else(|| "helm".into());
    let mut command = Command::new(program);
    command
        .args(&arguments[..1])
        .args(if arguments[0] == "template" {
            &["site"][..]
        } else {
            &[]
        })
        .arg(chart())
        .args(["--kube-version", KUBERNETES])
        .args(&arguments[1..]);
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            skip(&format!("helm cannot be started ({error})"));
            None
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The text and the documents of a release.
fn rendered(values: &[&str]) -> Option<(String, Vec<Value>)> {
    let output = helm(&[&["template"], values].concat())?;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let text = text(&output.stdout);
    let documents = serde_norway::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("{error}")))
        .filter(|document| !document.is_null())
        .collect();
    Some((text, documents))
}

/// What runs: the document's kind and name, and its pod.
fn pods(documents: &[Value]) -> Vec<(String, &Value)> {
    let with_name = documents.iter().map(|document| {
        let (kind, name) = (&document["kind"], &document["metadata"]["name"]);
        let pod = match kind == "Pod" {
            true => &document["spec"],
            false => &document["spec"]["template"]["spec"],
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (format!("{} {}", text(kind), text(name)), pod)
    });
    with_name.filter(|(_, pod)| pod.is_object()).collect()
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["initContainers", "containers"].into_iter();
    lists.flat_map(|list| pod[list].as_array().into_iter().flatten())
}

#[test]
fn no_pod_may_more_than_it_needs() {
    for values in [ANONYMOUS, ELSEWHERE] {
        let Some((_, documents)) = rendered(values) else {
            return;
        };
        let pods = pods(&documents);
        assert!(pods.len() >= 4, "{pods:?}");
        for (name, pod) in pods {
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(
                pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
                "{name}"
            );
            assert!(pod.get("hostNetwork").is_none(), "{name}");
            let is_agent = name.starts_with("DaemonSet");
            assert_eq!(pod.get("hostPID").is_some(), is_agent, "{name}");
            for volume in pod["volumes"].as_array().unwrap() {
                assert!(
                    volume.get("hostPath").is_none() || is_agent,
                    "{name}: {volume}"
                );
            }
            for container in containers(pod) {
                let rights = &container["securityContext"];
                assert_eq!(rights["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(rights["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(rights["capabilities"]["drop"][0], "ALL", "{name}");
                assert!(
                    container["resources"]["limits"]["memory"].is_string(),
                    "{name}"
                );
                let (_, tag) = container["image"]
                    .as_str()
                    .unwrap()
                    .rsplit_once(':')
                    .unwrap();
                assert_ne!(tag, "latest", "{name}");
                let serves = container.get("ports").is_some();
                for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                    assert_eq!(container.get(probe).is_some(), serves, "{name}: {probe}");
                }
                for mount in container["volumeMounts"].as_array().unwrap() {
                    let is_open = mount.get("readOnly").is_none();
                    let path = mount["mountPath"].as_str().unwrap();
                    let own = ["/var/lib/watchpost", "/role-tokens"].contains(&path);
                    assert!(!is_open || own, "{name} writes {path}");
                }
            }
        }
    }
}

#[test]
fn the_only_right_in_the_cluster_is_to_make_the_secret_of_the_tokens() {
    let Some((_, documents)) = rendered(ANONYMOUS) else {
        return;
    };
    let kinds: Vec<&str> = documents
        .iter()
        .filter_map(|it| it["kind"].as_str())
        .collect();
    assert!(
        !kinds.iter().any(|it| it.starts_with("ClusterRole")),
        "{kinds:?}"
    );
    let roles = documents.iter().filter(|it| it["kind"] == "Role");
    let rules: Vec<&Value> = roles.map(|it| &it["rules"]).collect();
    let wanted =
        serde_json::json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create"] }]);
    assert_eq!(rules, [&wanted]);
    // With tokens of one's own there is none.
    let Some((_, documents)) = rendered(ELSEWHERE) else {
        return;
    };
    assert!(
        documents
            .iter()
            .all(|it| it["kind"] != "Role" && it["kind"] != "ServiceAccount")
    );
}

#[test]
fn values_with_mistakes_are_refused_with_their_place() {
    for (values, mistake) in [
        ("engine.retention=week", "/engine/retention"),
        ("image.tag=latest", "/image/tag"),
        ("agents.enabled=true", "agents"),
        ("web.service.port=70000", "/web/service/port"),
        ("server.url=influx:8086", "/server/url"),
        ("web.allowAnonymous=false", "web.usersSecret"),
        ("engine.enabled=false", "server.url is needed"),
    ] {
        let Some(output) = helm(&[&["template"], ANONYMOUS, &["--set", values]].concat()) else {
            return;
        };
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{values} is taken");
        assert!(said.contains(mistake), "{values}: {said}");
    }
}

#[test]
fn helm_and_kubeconform_find_nothing() {
    let Some(output) = helm(&[&["lint", "--strict"], ANONYMOUS].concat()) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output.stdout));
    let Some(schemas) = std::env::var_os("KUBECONFORM_SCHEMAS") else {
        return skip("KUBECONFORM_SCHEMAS names no schemas of Kubernetes");
    };
    for values in [ANONYMOUS, ELSEWHERE] {
        let Some((text_of_release, _)) = rendered(values) else {
            return;
        };
        let mut child = match Command::new("kubeconform")
            .args([
                "-strict",
                "-summary",
                "-kubernetes-version",
                KUBERNETES,
                "-schema-location",
            ])
            .arg(&schemas)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
        {
            Ok(child) => child,
            Err(error) => return skip(&format!("kubeconform cannot be started ({error})")),
        };
        let mut input = child.stdin.take().unwrap();
        input.write_all(text_of_release.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stdout));
    }
}

#[test]
fn the_chart_has_the_version_of_the_workspace() {
    let text = std::fs::read_to_string(chart().join("Chart.yaml")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("\nversion: {version}\n")), "{text}");
    assert!(
        text.contains(&format!("\nappVersion: {version}\n")),
        "{text}"
    );
}
