//! `deploy/` read as compose and Docker read it: what runs, as whom, with what it may use, and that every
//! file, binary and variable that it names exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use watchpost_e2e::platform::workspace;
use watchpost_testkit::{Daemon, skip};

/// As much of a compose file as is held to something here.
#[derive(Debug, Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, serde_json::Value>,
    secrets: BTreeMap<String, SecretFile>,
    networks: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct SecretFile {
    file: String,
}

#[derive(Debug, Deserialize)]
struct Service {
    image: Option<String>,
    build: Option<Build>,
    user: String,
    read_only: bool,
    cap_drop: Vec<String>,
    security_opt: Vec<String>,
    #[serde(default)]
    cap_add: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    depends_on: BTreeMap<String, Condition>,
    healthcheck: HealthCheck,
    deploy: Deploy,
    command: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Build {
    context: String,
    dockerfile: String,
    target: String,
}

#[derive(Debug, Deserialize)]
struct Condition {
    condition: String,
}

#[derive(Debug, Deserialize)]
struct HealthCheck {
    #[serde(default)]
    test: Vec<String>,
    #[serde(default)]
    disable: bool,
}

#[derive(Debug, Deserialize)]
struct Deploy {
    resources: Resources,
}

#[derive(Debug, Deserialize)]
struct Resources {
    limits: Limits,
}

#[derive(Debug, Deserialize)]
struct Limits {
    cpus: String,
    memory: String,
}

/// What ends after its work, so it has no health.
const ONE_SHOT: [&str; 1] = ["provisioner"];

fn deploy() -> PathBuf {
    workspace().join("deploy").canonicalize().unwrap()
}

fn compose() -> Compose {
    let text = fs::read_to_string(deploy().join("docker-compose.yml")).unwrap();
    let mut value: serde_norway::Value = serde_norway::from_str(&text).unwrap();
    // What is merged into a service has merged something itself: two levels.
    for _ in 0..2 {
        value.apply_merge().unwrap();
    }
    serde_norway::from_value(value).unwrap_or_else(|error| panic!("{error}"))
}

fn dockerfile() -> String {
    fs::read_to_string(deploy().join("Dockerfile")).unwrap()
}

#[test]
fn the_stack_is_whole() {
    let compose = compose();
    let names: Vec<&str> = compose.services.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "agent-eu-west",
            "agent-us-east",
            "agent-us-west",
            "agent-victoriametrics",
            "alerter",
            "engine",
            "grafana",
            "health",
            "influxdb",
            "provisioner",
            "victoriametrics",
            "web"
        ]
    );
    let place = |agent: &str| {
        let environment = &compose.services[agent].environment;
        (
            environment["WATCHPOST_TAGS__REGION"].clone(),
            environment["WATCHPOST_TAGS__ENVIRONMENT"].clone(),
        )
    };
    let of = |region: &str, environment: &str| (region.to_owned(), environment.to_owned());
    assert_eq!(place("agent-us-east"), of("us-east-1", "production"));
    assert_eq!(place("agent-us-west"), of("us-west-1", "production"));
    assert_eq!(place("agent-eu-west"), of("eu-west-1", "staging"));
    let influxdb = compose.services["influxdb"].image.as_deref();
    assert!(influxdb.unwrap().starts_with("influxdb:2.7."));
    assert_eq!(compose.networks.len(), 1);
}

#[test]
fn every_container_is_pinned_hardened_limited_and_watched() {
    for (name, service) in compose().services {
        if let Some(image) = &service.image {
            let (_, tag) = image.split_once(':').unwrap_or_default();
            assert!(
                tag.trim_start_matches('v')
                    .starts_with(|it: char| it.is_ascii_digit()),
                "{name}: {image} is not pinned"
            );
        }
        assert!(service.read_only, "{name} writes to its image");
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        assert!(service.cap_add.is_empty(), "{name}");
        assert!(!service.user.starts_with('0'), "{name} runs as root");
        let limits = &service.deploy.resources.limits;
        assert!(limits.cpus.parse::<f64>().unwrap() > 0.0, "{name}");
        assert!(limits.memory.ends_with(['M', 'G']), "{name}");
        let checked = service
            .healthcheck
            .test
            .first()
            .is_some_and(|it| it == "CMD");
        assert_eq!(
            checked,
            !ONE_SHOT.contains(&name.as_str()),
            "{name}: {:?}",
            service.healthcheck
        );
        assert_eq!(service.healthcheck.disable, !checked, "{name}");
        for port in &service.ports {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port}");
        }
        for (variable, value) in &service.environment {
            let secret = ["TOKEN", "PASSWORD"].iter().any(|it| variable.contains(it));
            assert!(
                !secret || value.starts_with("/run/secrets/") || value.starts_with("/tokens/"),
                "{name}: {variable} is no file"
            );
        }
    }
}

#[test]
fn what_is_named_is_declared_and_lies_there() {
    let compose = compose();
    for (name, service) in &compose.services {
        for secret in &service.secrets {
            assert!(compose.secrets.contains_key(secret), "{name}: {secret}");
        }
        for value in service.environment.values() {
            if let Some(secret) = value.strip_prefix("/run/secrets/") {
                assert!(
                    service.secrets.iter().any(|it| it == secret),
                    "{name}: {secret}"
                );
            }
        }
        for volume in &service.volumes {
            let source = volume.split(':').next().unwrap();
            match source.chars().next() {
                // A folder of the host: read only.
                Some('/') => assert!(volume.ends_with(":ro"), "{name}: {volume}"),
                Some('.') => {
                    assert!(volume.ends_with(":ro"), "{name}: {volume}");
                    assert!(deploy().join(source).is_dir(), "{name}: {volume}");
                }
                _ => assert!(compose.volumes.contains_key(source), "{name}: {volume}"),
            }
        }
        for (other, wanted) in &service.depends_on {
            let condition = match ONE_SHOT.contains(&other.as_str()) {
                true => "service_completed_successfully",
                false => "service_healthy",
            };
            assert!(compose.services.contains_key(other), "{name}: {other}");
            assert_eq!(wanted.condition, condition, "{name} waits for {other}");
        }
        if let Some(build) = &service.build {
            let context = deploy().join(&build.context);
            assert!(context.join(&build.dockerfile).is_file(), "{name}");
            let stage = format!("FROM base AS {}\n", build.target);
            assert!(dockerfile().contains(&stage), "{name}: {stage}");
        }
    }
    // Made before the first start, beside the file or where `up` puts them.
    for (name, secret) in &compose.secrets {
        let file = secret.file.strip_prefix("${WATCHPOST_SECRETS:-./secrets}/");
        assert!(file.is_some(), "{name}: {}", secret.file);
    }
    // A volume of its own for each that keeps something.
    for volume in compose.volumes.keys() {
        let users = compose.services.values().filter(|service| {
            let writes =
                |it: &&String| it.starts_with(&format!("{volume}:")) && !it.ends_with(":ro");
            service.volumes.iter().any(|it| writes(&it))
        });
        assert!((1..=2).contains(&users.count()), "{volume}");
    }
}

#[test]
fn the_tokens_that_are_read_are_made() {
    let platform = fs::read_to_string(deploy().join("platform.toml")).unwrap();
    for (name, service) in compose().services {
        for value in service.environment.values() {
            if let Some(file) = value.strip_prefix("/tokens/") {
                assert!(
                    platform.contains(&format!("file = \"{file}\"")),
                    "{name}: {file}"
                );
            }
        }
    }
    let source = fs::read_to_string(deploy().join("grafana/datasources/watchpost.yml")).unwrap();
    assert!(source.contains("$__file{/tokens/grafana.token}"));
    assert!(platform.contains("file = \"grafana.token\""));
}

#[test]
fn each_role_takes_the_settings_that_it_is_given() {
    let compose = compose();
    for (service, binary, check) in [
        ("agent-us-east", "watchpost-agent", "print-config"),
        ("alerter", "watchpost-alerter", "print-config"),
        ("web", "watchpost-web", "print-config"),
        ("health", "watchpost-provisioner", "print-config"),
    ] {
        let Some(mut command) = Daemon::command(binary) else {
            return skip(&format!("{binary} is not built"));
        };
        for (variable, value) in &compose.services[service].environment {
            // The rules lie in the image; here they lie in the repository.
            let rules = deploy().join("rules.toml").display().to_string();
            let value = match variable.as_str() {
                "WATCHPOST_RULES__FILE" => &rules,
                _ => value,
            };
            command.env(variable, value);
        }
        let output = command.arg(check).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        // A variable that the role does not know is named; tokens are not there to be read.
        assert!(
            !errors.contains("names no key") && !errors.contains("expected"),
            "{service}: {errors}"
        );
    }
    let provisioner = compose.services["provisioner"].command.clone().unwrap();
    assert_eq!(provisioner[..2], ["apply", "--yes"]);
}

#[test]
fn grafana_finds_its_data_source_and_dashboards() {
    let compose = compose();
    let grafana = &compose.services["grafana"];
    let mounted = |target: &str| {
        let volume = grafana.volumes.iter().find(|it| it.contains(target));
        let volume = volume.unwrap_or_else(|| panic!("nothing is mounted at {target}"));
        deploy().join(volume.split(':').next().unwrap())
    };
    let provider = fs::read_to_string(deploy().join("grafana/dashboards/watchpost.yml")).unwrap();
    assert!(provider.contains("path: /var/lib/grafana-dashboards"));
    let dashboards = mounted("/var/lib/grafana-dashboards");
    let home = &grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    let home = home.strip_prefix("/var/lib/grafana-dashboards/").unwrap();
    assert!(dashboards.join(home).is_file(), "{home}");
    for kind in ["datasources", "dashboards"] {
        let folder = mounted(&format!("/etc/grafana/provisioning/{kind}"));
        assert!(folder.join("watchpost.yml").is_file(), "{kind}");
    }
    let source = fs::read_to_string(mounted("provisioning/datasources").join("watchpost.yml"));
    assert!(source.unwrap().contains("url: http://influxdb:8086"));
}

#[test]
fn the_dockerfile_builds_and_copies_what_exists() {
    let text = dockerfile();
    let manifests = |name: &str| {
        let crate_name = name.strip_prefix("watchpost-").unwrap();
        workspace()
            .join("crates")
            .join(crate_name)
            .join("Cargo.toml")
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let packages: Vec<&str> = words
        .windows(2)
        .filter(|it| it[0] == "--package")
        .map(|it| it[1])
        .collect();
    assert_eq!(packages.len(), 5, "{packages:?}");
    for package in &packages {
        assert!(manifests(package).is_file(), "{package}");
    }
    for line in text.lines().filter(|it| it.starts_with("COPY ")) {
        let parts: Vec<&str> = line.split_whitespace().collect();
        match parts[1] {
            "." => {}
            "--from=build" => {
                if let Some(binary) = parts[2].strip_prefix("/binaries/") {
                    assert!(packages.contains(&binary), "{line}");
                }
            }
            source => assert!(workspace().join(source).exists(), "{line}"),
        }
    }
    for line in text.lines().filter(|it| it.starts_with("FROM ")) {
        let image = line.split_whitespace().nth(1).unwrap();
        let pinned = image
            .split_once(':')
            .is_some_and(|(_, tag)| tag != "latest");
        assert!(pinned || ["base", "scratch"].contains(&image), "{line}");
    }
    // The toolchain that the workspace asks for.
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.unwrap().trim_matches('"');
    assert!(text.contains(&format!("FROM rust:{version}-")), "{version}");
    let base = text.split("FROM base AS").next().unwrap();
    assert!(base.contains("USER 10001:10001"), "no role runs as root");
}

/// Each names the version of the workspace: these are the images that `cargo xtask dist` makes.
#[test]
fn images_of_our_own_have_the_version_of_the_workspace() {
    let compose = compose();
    for (name, service) in compose.services.iter().filter(|(_, it)| it.build.is_some()) {
        let target = &service.build.as_ref().unwrap().target;
        let image = format!("watchpost/{target}:{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(service.image.as_deref(), Some(image.as_str()), "{name}");
    }
    let chosen = fs::read_to_string(deploy().join(".env")).unwrap();
    assert!(chosen.contains("COMPOSE_PROFILES=influxdb\n"), "{chosen}");
}

#[test]
fn docker_compose_takes_the_file() {
    let Some(mut command) = docker_compose() else {
        return skip("no docker-compose on the PATH, and no `docker compose`");
    };
    let file = deploy().join("docker-compose.yml");
    let output = command.arg("--file").arg(file).args(["config", "--quiet"]);
    let output = output.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// The plugin or the program of its own; neither needs an engine to read a file.
fn docker_compose() -> Option<Command> {
    let named = std::env::var_os("DOCKER_COMPOSE");
    let program = named.unwrap_or_else(|| "docker-compose".into());
    let runs = |command: &mut Command| {
        // The first generation, docker-compose 1.x, does not know all of today's compose files.
        let output = command.arg("version").output();
        output.is_ok_and(|it| {
            it.status.success() && !String::from_utf8_lossy(&it.stdout).contains("version 1.")
        })
    };
    if runs(&mut Command::new(&program)) {
        return Some(Command::new(program));
    }
    let mut plugin = Command::new("docker");
    runs(plugin.arg("compose")).then(|| {
        let mut command = Command::new("docker");
        command.arg("compose");
        command
    })
}

#[test]
fn nothing_secret_lies_in_the_repository() {
    let ignored = fs::read_to_string(workspace().join(".gitignore")).unwrap();
    assert!(ignored.lines().any(|it| it == "/deploy/secrets"));
    assert!(ignored.lines().any(|it| it == "/.watchpost"));
    // Nor in the context that an image is built from, whose layers are kept.
    let left_out = fs::read_to_string(workspace().join(".dockerignore")).unwrap();
    for folder in [".watchpost", "deploy/secrets"] {
        assert!(left_out.lines().any(|it| it == folder), "{folder}");
    }
}
