//! The real binary: pushed alerts, receivers, the API, the command line. No server is needed: there
//! are no rules.

use std::path::PathBuf;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use watchpost_alerter::receivers::client;
use watchpost_testkit::{
    Daemon, HttpReceiver, Refusal, Signal, TempFolder, skip, temp_folder, wait,
};

use crate::api_document::check_answer;

pub(crate) const TOKEN: &str = "the-token-of-its-api";

pub(crate) struct Alerter {
    pub(crate) daemon: Daemon,
    pub(crate) url: String,
}

/// A folder with a rule file, a token file, and what a start needs.
pub(crate) struct Site {
    pub(crate) folder: TempFolder,
    pub(crate) influx: Option<(String, String, String)>,
}

impl Site {
    pub(crate) fn new(rules: &str) -> Site {
        let site = Site {
            folder: temp_folder(),
            influx: None,
        };
        std::fs::write(site.path("rules.toml"), rules).unwrap();
        let token = site.path("token");
        std::fs::write(&token, TOKEN).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(token, std::fs::Permissions::from_mode(0o600)).unwrap();
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self) -> Option<Command> {
        let mut command = Daemon::command("watchpost-alerter")?;
        let set = |command: &mut Command, key: &str, value: &str| {
            command.arg("--set").arg(format!("{key}={value}"));
        };
        set(
            &mut command,
            "rules.file",
            &self.path("rules.toml").display().to_string(),
        );
        set(
            &mut command,
            "store.folder",
            &self.path("data").display().to_string(),
        );
        set(
            &mut command,
            "api.token_file",
            &self.path("token").display().to_string(),
        );
        set(&mut command, "api.listen.listen", "127.0.0.1:0");
        match &self.influx {
            Some((url, token, org)) => {
                command
                    .env("INFLUX_URL", url)
                    .env("INFLUX_TOKEN", token)
                    .env("INFLUX_ORG", org);
            }
            None => set(&mut command, "history.enabled", "false"),
        }
        Some(command)
    }

    pub(crate) fn start(&self) -> Option<Alerter> {
        let Some(command) = self.command() else {
            skip("watchpost-alerter is not built");
            return None;
        };
        Some(Site::run(command))
    }

    /// With the history written to a bucket.
    pub(crate) fn start_with_history(&self, bucket: &str) -> Option<Alerter> {
        let Some(mut command) = self.command() else {
            skip("watchpost-alerter is not built");
            return None;
        };
        command.arg("--set").arg(format!("history.bucket={bucket}"));
        Some(Site::run(command))
    }

    fn run(command: Command) -> Alerter {
        let mut daemon = Daemon::start(command);
        let line = daemon.wait_for_line("the alerter is running");
        let url = line
            .split("http://")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let url = format!("http://{}", url.split_whitespace().next().unwrap());
        Alerter { daemon, url }
    }
}

impl Alerter {
    /// Status and JSON of a request, with the token if so asked.
    pub(crate) fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        token: bool,
    ) -> (u16, Value) {
        self.call_as(method, path, body, token.then_some(TOKEN))
    }

    /// As [`Alerter::call`], with any token.
    fn call_as(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        token: Option<&str>,
    ) -> (u16, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut request = client(None)
                .unwrap()
                .request(method, format!("{}{path}", self.url));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.json(&body);
            }
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            (status, response.json().await.unwrap_or_default())
        })
    }

    /// The answer to a GET, which is as the API's document says.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call(Method::GET, path, None, false);
        if status == 200 && path.starts_with("/api/v1/") {
            check_answer(path, &answer);
        }
        answer
    }

    pub(crate) fn post(&self, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call(Method::POST, path, body, true)
    }

    pub(crate) fn push(&self, host: &str, ends: bool) {
        let ends_at = ends.then_some("2020-01-01T00:00:01Z");
        let alert = json!([{ "labels": { "alertname": "cpu", "host": host },
            "startsAt": "2020-01-01T00:00:00Z", "endsAt": ends_at }]);
        assert_eq!(
            self.call(Method::POST, "/api/v2/alerts", Some(alert), true)
                .0,
            200
        );
    }
}

/// All alerts to a webhook, a group a host.
pub(crate) fn rules(hook: &HttpReceiver) -> String {
    let url = hook.url("/hook");
    format!(
        "[route]\nreceiver = \"hook\"\ngroup_by = [\"host\"]\ngroup_interval = \"1s\"\n\
         [[receiver]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{url}\"\n"
    )
}

/// Host and status of each alert of each message that came.
pub(crate) fn told(hook: &HttpReceiver) -> Vec<(String, String)> {
    let alerts = hook.requests.all().into_iter().flat_map(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body["alerts"].as_array().unwrap().clone()
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    alerts
        .map(|alert| (text(&alert["labels"]["host"]), text(&alert["status"])))
        .collect()
}

#[test]
fn everything_of_its_own_that_fails_is_told() {
    let hook = HttpReceiver::webhook();
    hook.refuse(1_000, &Refusal::status(503));
    let rule = "[[rule]]\nname = \"r\"\nkind = \"threshold\"\nfield = \"x\"\nevery = \"1s\"\nabove = { warn = 1 }\n";
    let mut site = Site::new(&(rule.to_owned() + &rules(&hook)));
    // Nobody listens there.
    let nobody = "http://127.0.0.1:1";
    site.influx = Some((nobody.to_owned(), "t".to_owned(), "o".to_owned()));
    let Some(mut command) = site.command() else {
        return skip("watchpost-alerter is not built");
    };
    command
        .env("WATCHPOST_HEARTBEAT__URL", nobody)
        .args(["--set", "heartbeat.interval=1s"]);
    let mut alerter = Site::run(command);
    alerter.push("a", false);
    hook.requests.wait(1);
    std::fs::write(site.path("rules.toml"), "[rout]\n").unwrap();
    alerter.daemon.signal(Signal::Reload);
    let expected = ["database", "heartbeat", "receiver hook", "rule file"];
    wait::until("all troubles", || {
        let status = alerter.get("/api/v1/status");
        let troubles = status["troubles"].as_array().unwrap();
        let mut names: Vec<&str> = troubles
            .iter()
            .map(|trouble| trouble["component"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        (names == expected).then_some(())
    });
}

#[test]
fn a_short_token_opens_nothing() {
    let site = Site::new(&rules(&HttpReceiver::webhook()));
    let Some(alerter) = site.start() else {
        return;
    };
    let silence =
        json!({ "matchers": ["host=\"a\""], "for": "1h", "createdBy": "ann", "comment": "test" });
    let silenced = |token| {
        alerter
            .call_as(
                Method::POST,
                "/api/v1/silences",
                Some(silence.clone()),
                Some(token),
            )
            .0
    };
    assert_eq!(silenced(TOKEN), 200);
    // It is read at each change: one that is too short since the start opens nothing.
    let short = &TOKEN[..15];
    std::fs::write(site.path("token"), short).unwrap();
    assert_eq!(silenced(short), 401);
}

#[test]
fn changes_need_the_token() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(alerter) = site.start() else {
        return;
    };
    let silence =
        json!({ "matchers": ["host=\"a\""], "for": "1h", "createdBy": "ann", "comment": "test" });
    assert_eq!(
        alerter
            .call(
                Method::POST,
                "/api/v1/silences",
                Some(silence.clone()),
                false
            )
            .0,
        401
    );
    let (status, made) = alerter.call(Method::POST, "/api/v1/silences", Some(silence), true);
    assert_eq!(status, 200, "{made}");
    alerter.push("a", false);
    let alerts = alerter.get("/api/v2/alerts");
    assert_eq!(alerts[0]["status"]["silencedBy"][0], made["id"]);
    let fingerprint = alerts[0]["fingerprint"].as_str().unwrap();
    let explained = alerter.get(&format!("/api/v1/explain/{fingerprint}"));
    assert_eq!(
        explained["receivers"][0]["suppressedBy"][0]["stage"], "silence",
        "{explained}"
    );
    let path = format!("/api/v1/silences/{}", made["id"].as_str().unwrap());
    assert_eq!(alerter.call(Method::DELETE, &path, None, true).0, 200);
    hook.requests.wait(1);
    let acknowledge = format!("/api/v1/alerts/{fingerprint}/acknowledgement");
    let (status, _) = alerter.call(
        Method::POST,
        &acknowledge,
        Some(json!({ "owner": "ann" })),
        true,
    );
    assert_eq!(status, 200);
    let owner = || alerter.get("/api/v1/alerts")["alerts"][0]["acknowledgement"]["owner"].clone();
    assert_eq!(owner(), "ann");
    // Nobody looks after it when the acknowledgement is over.
    let short = json!({ "owner": "bob", "for": "1s" });
    assert_eq!(alerter.post(&acknowledge, Some(short)).0, 200);
    wait::until("its end", || owner().is_null().then_some(()));
}

#[test]
fn a_bad_file_is_refused_and_the_old_one_stays() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(mut alerter) = site.start() else {
        return;
    };
    std::fs::write(site.path("rules.toml"), "[route]\nreciever = \"hook\"\n").unwrap();
    alerter.daemon.signal(Signal::Reload);
    alerter.daemon.wait_for_line("the old rules stay in force");
    let status = alerter.get("/api/v1/status");
    let error = status["ruleFile"]["error"].as_str().unwrap();
    assert!(error.contains("did you mean \"receiver\"?"), "{error}");
    alerter.push("still", false);
    hook.requests.wait(1);
}

#[test]
fn a_slow_receiver_delays_no_other() {
    let (slow, quick) = (HttpReceiver::webhook(), HttpReceiver::webhook());
    slow.delay(std::time::Duration::from_secs(5));
    let text = format!(
        "[route]\nreceiver = \"quick\"\ngroup_by = [\"host\"]\n[[route.routes]]\nreceiver = \"slow\"\n\
         match = ['host=~\".*\"']\ncontinue = true\n[[route.routes]]\nreceiver = \"quick\"\n\
         [[receiver]]\nname = \"slow\"\nkind = \"webhook\"\nurl = \"{}\"\n\
         [[receiver]]\nname = \"quick\"\nkind = \"webhook\"\nurl = \"{}\"\n",
        slow.url("/"),
        quick.url("/")
    );
    let site = Site::new(&text);
    let Some(mut alerter) = site.start() else {
        return;
    };
    for host in ["a", "b", "c"] {
        alerter.push(host, false);
    }
    quick.requests.wait(3);
    assert_eq!(slow.requests.len(), 1);
    alerter.daemon.kill();
}

#[test]
fn bad_configuration_ends_with_64_before_any_port() {
    let site = Site::new("[route]\nreceiver = \"nobody\"\n");
    let Some(mut command) = site.command() else {
        return skip("watchpost-alerter is not built");
    };
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("there is no receiver \"nobody\""), "{text}");
}

#[test]
fn the_command_line_plays_timelines_and_shows_rules() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let run = |arguments: &[&str]| {
        let output = site.command().unwrap().args(arguments).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    if site.command().is_none() {
        return skip("watchpost-alerter is not built");
    }
    let case = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/testdata/timelines/alertmanager.md"
    );
    let (code, text) = run(&["test", case]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("30 passed, 0 failed\n"), "{text}");
    std::fs::write(site.path("wrong.md"), "## none\n```toml\n[route]\n```\n").unwrap();
    assert_eq!(
        run(&["test", &site.path("wrong.md").display().to_string()]).0,
        Some(1)
    );
    let (code, text) = run(&["receiver", "test", "hook", "--output", "json"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(told(&hook)[0].1, "firing");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/rules.toml");
    let (code, text) = run(&["rule", "show", "cpu_high", "--file", rules]);
    assert_eq!(code, Some(0));
    assert!(text.contains("|> mean()"), "{text}");
}

#[test]
fn without_rules_it_is_ready_at_once() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(alerter) = site.start() else {
        return;
    };
    wait::until("readiness", || {
        (alerter.call(Method::GET, "/ready", None, false).0 == 200).then_some(())
    });
}

#[test]
fn every_answer_is_as_its_document_says() {
    let hook = HttpReceiver::webhook();
    let quiet_rule =
        "[[rule]]\nname = \"quiet\"\nkind = \"threshold\"\nfield = \"x\"\nabove = { warn = 1 }\n";
    let site = Site::new(&(quiet_rule.to_owned() + &rules(&hook)));
    let Some(alerter) = site.start() else {
        return;
    };
    alerter.push("a", false);
    hook.requests.wait(1);
    let alerts = alerter.get("/api/v1/alerts?state=firing");
    let fingerprint = alerts["alerts"][0]["fingerprint"].as_str().unwrap();
    let path = format!("/api/v1/alerts/{fingerprint}/acknowledgement");
    assert_eq!(alerter.post(&path, Some(json!({ "owner": "ann" }))).0, 200);
    let window = json!({ "times": ["22:00-06:00"], "location": "Europe/Berlin" });
    let silence = json!({ "matchers": ["host=\"b\""], "for": "1h", "createdBy": "ann",
        "comment": "nights", "recurring": [window] });
    assert_eq!(alerter.post("/api/v1/silences", Some(silence)).0, 200);
    for path in [
        "status",
        "alerts",
        "groups",
        "silences",
        "rules",
        "rules/quiet",
        "history",
    ] {
        alerter.get(&format!("/api/v1/{path}"));
    }
    let explained = alerter.get(&format!("/api/v1/explain/{fingerprint}"));
    assert_eq!(explained["alert"]["acknowledgement"]["owner"], "ann");
    let rules = alerter.get("/api/v1/rules?field=x");
    let rule = &rules["rules"][0];
    assert_eq!(
        (&rule["levels"]["warn"], &rule["levelsOf"]),
        (&json!(1.0), &json!("value"))
    );
    assert_eq!(alerter.get("/api/v1/rules?field=y")["rules"], json!([]));
}

#[test]
fn annotations_come_from_the_store_where_no_history_is_written() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(alerter) = site.start() else {
        return;
    };
    alerter.push("over", false);
    alerter.push("fires", false);
    hook.requests.wait(2);
    let now = watchpost_core::time::format_rfc3339(watchpost_alerter::clock::now());
    let over = json!([{ "labels": { "alertname": "cpu", "host": "over" },
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": now }]);
    assert_eq!(alerter.post("/api/v2/alerts", Some(over)).0, 200);
    let found = alerter.get("/api/v1/annotations?from=-1h");
    let ends = |host: &str| {
        let mut list = found["annotations"].as_array().unwrap().iter();
        let one = list.find(|one| one["host"] == host).unwrap();
        assert_eq!(one["startsAt"], "2020-01-01T00:00:00Z");
        !one["endsAt"].is_null()
    };
    assert!(ends("over") && !ends("fires"), "{found}");
    let elsewhere = alerter.get("/api/v1/annotations?from=-1h&host=other");
    assert_eq!(elsewhere["annotations"], json!([]));
    let (status, refused) = alerter.call(
        Method::GET,
        "/api/v1/annotations?from=yesterday",
        None,
        false,
    );
    assert_eq!(status, 400, "{refused}");
}

#[test]
fn what_is_refused_for_good_is_a_dead_letter() {
    let hook = HttpReceiver::webhook();
    hook.refuse(1, &Refusal::status(400).body("bad payload"));
    let site = Site::new(&rules(&hook));
    let Some(mut alerter) = site.start() else {
        return;
    };
    alerter.push("a", false);
    alerter.daemon.wait_for_line("given up");
    let letter = wait::until("the dead letter", || {
        let text = std::fs::read_to_string(site.path("data/dead-letters.jsonl")).ok()?;
        serde_json::from_str::<Value>(text.lines().next()?).ok()
    });
    assert_eq!(letter["notification"]["receiver"], "hook");
    assert!(
        letter["reason"].as_str().unwrap().contains("bad payload"),
        "{letter}"
    );
    let event = wait::until("the dead letter in the history", || {
        let events = alerter.get("/api/v1/history?event=dead_letter");
        events["events"].as_array()?.first().cloned()
    });
    assert_eq!(event["receiver"], "hook");
}

#[test]
fn a_test_message_tells_whether_a_receiver_works_again() {
    let hook = HttpReceiver::webhook();
    hook.refuse(1, &Refusal::status(400));
    let site = Site::new(&rules(&hook));
    let Some(alerter) = site.start() else {
        return;
    };
    let troubles = || alerter.get("/api/v1/status")["troubles"].clone();
    alerter.push("a", false);
    let failing = wait::until("the trouble", || troubles().get(0).cloned());
    assert_eq!(failing["component"], "receiver hook");
    let (status, answer) = alerter.post("/api/v1/receivers/hook/test", None);
    assert_eq!((status, &answer["delivered"]), (200, &json!(true)));
    assert_eq!(troubles(), json!([]));
}

#[test]
fn a_reload_takes_new_receivers_at_once() {
    let (old, new) = (HttpReceiver::webhook(), HttpReceiver::webhook());
    let site = Site::new(&rules(&old));
    let Some(mut alerter) = site.start() else {
        return;
    };
    alerter.push("a", false);
    old.requests.wait(1);
    std::fs::write(site.path("rules.toml"), rules(&new)).unwrap();
    alerter.daemon.signal(Signal::Reload);
    alerter.daemon.wait_for_line("receivers were read again");
    alerter.push("b", false);
    new.requests.wait(1);
    assert_eq!(told(&new), [("b".to_owned(), "firing".to_owned())]);
    assert_eq!(old.requests.len(), 1);
}

#[test]
fn a_changed_configuration_says_what_waits_for_the_next_start() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(mut command) = site.command() else {
        return skip("watchpost-alerter is not built");
    };
    let file = site.path("alerter.toml");
    std::fs::write(&file, "[heartbeat]\ninterval = \"60s\"\n").unwrap();
    command.arg("--config").arg(&file);
    let mut alerter = Site::run(command);
    std::fs::write(&file, "[heartbeat]\ninterval = \"30s\"\n").unwrap();
    alerter.daemon.signal(Signal::Reload);
    let line = alerter.daemon.wait_for_line("wait for the next start");
    assert!(line.contains("heartbeat"), "{line}");
}

/// A limit on the size of files stands for a full disk.
fn limit_file_size(alerter: &Alerter, limit: &str) {
    let pid = alerter.daemon.id().to_string();
    let limit = format!("--fsize={limit}:unlimited");
    let status = Command::new("prlimit")
        .args(["--pid", &pid, &limit])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn while_the_store_cannot_be_written_people_are_told_and_it_recovers() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(plain) = site.command() else {
        return skip("watchpost-alerter is not built");
    };
    if Command::new("prlimit").arg("--version").output().is_err() {
        return skip("prlimit is not installed");
    }
    // A write over the limit is an error then, not the end.
    let mut command = watchpost_testkit::command("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    command.arg(plain.get_program()).args(plain.get_args());
    let mut alerter = Site::run(command);
    let troubles = |alerter: &Alerter| {
        let status = alerter.get("/api/v1/status");
        status["troubles"].as_array().unwrap().clone()
    };
    alerter.push("before", false);
    hook.requests.wait(1);
    limit_file_size(&alerter, "4096");
    alerter.push("during", false);
    hook.requests.wait(2);
    let found = wait::until("the trouble", || troubles(&alerter).first().cloned());
    assert!(found.to_string().contains("store"), "{found}");
    limit_file_size(&alerter, "unlimited");
    wait::until("the end of the trouble", || {
        troubles(&alerter).is_empty().then_some(())
    });
    // What was said meanwhile is in the store.
    alerter.daemon.kill();
    let Some(alerter) = site.start() else { return };
    alerter.push("during", true);
    hook.requests.wait(3);
    let ended = ("during".to_owned(), "resolved".to_owned());
    assert_eq!(told(&hook)[2..], [ended]);
}
