//! What the commands print, and how they refuse a configuration: the real binary, no server.

use std::path::Path;
use std::process::{Command, Output};

use watchpost_alerter::config::AlerterConfig;
use watchpost_service::config::reference;
use watchpost_testkit::cases::{self, Case};
use watchpost_testkit::{Daemon, TempFolder, skip, temp_folder};

/// The binary in an empty folder, where no configuration is.
struct Shell {
    folder: TempFolder,
}

impl Shell {
    fn new() -> Option<Shell> {
        if Daemon::command("watchpost-alerter").is_none() {
            skip("watchpost-alerter is not built");
            return None;
        }
        Some(Shell {
            folder: temp_folder(),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Daemon::command("watchpost-alerter").unwrap();
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a kind of server cannot do is said before anything is asked of it.
#[test]
fn check_config_says_what_a_kind_of_server_cannot_do() {
    let Some(shell) = Shell::new() else {
        return;
    };
    let rule = |name: &str, own: &str| {
        format!("[[rule]]\nname = \"{name}\"\nfield = \"cpu_load_5m\"\n{own}\n")
    };
    let own_flux =
        "[[rule]]\nname = \"own\"\nkind = \"flux\"\nquery = \"data\"\nabove = { critical = 1 }\n";
    let weeks =
        "kind = \"anomaly\"\nbaseline = \"same_hour_of_week\"\nweeks = 1\nscore = { critical = 8 }";
    let rules = [
        "[defaults]\nbucket = \"raw\"\nmeasurement = \"system_metrics\"\n[route]\nreceiver = \"local\"\n".to_owned(),
        "[[receiver]]\nname = \"local\"\nkind = \"file\"\npath = \"a.log\"\n".to_owned(),
        rule("near", "kind = \"forecast\"\nwindow = \"6h\"\nlevel = 9\nwithin = { critical = \"1h\" }"),
        rule("far", weeks),
    ];
    let check = |kind: &str, more: &str| {
        std::fs::write(
            shell.folder.path().join("rules.toml"),
            rules.concat() + more,
        )
        .unwrap();
        let kind = format!("influx.kind={kind}");
        let output = shell.run(&[
            "check-config",
            "--set",
            "rules.file=rules.toml",
            "--set",
            &kind,
        ]);
        let said = text(&output.stdout) + &text(&output.stderr);
        (output.status.success(), said)
    };
    let (fine, said) = check("influxdb3", "");
    assert!(fine, "{said}");
    assert!(
        said.contains("rule \"far\" looks back further than 72 hours"),
        "{said}"
    );
    assert!(!said.contains("\"near\""), "{said}");
    let (fine, said) = check("victoriametrics", "");
    assert!(fine, "{said}");
    assert!(
        said.contains("stores no strings") && !said.contains("72 hours"),
        "{said}"
    );
    let (fine, said) = check("victoriametrics", own_flux);
    assert!(
        !fine && said.contains("\"own\" is of kind \"flux\""),
        "{said}"
    );
    let (fine, said) = check("influxdb2", "");
    assert!(fine && !said.contains("72 hours"), "{said}");
}

#[test]
fn rule_show_speaks_the_words_of_the_rule_file() {
    let Some(shell) = Shell::new() else {
        return;
    };
    let show = |case: &Case| {
        std::fs::write(
            shell.folder.path().join("of-the-case.toml"),
            case.input("toml"),
        )
        .unwrap();
        let arguments = ["rule", "show", "shown", "--file", "of-the-case.toml"];
        let output = shell.run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let mut json = shell.command(&arguments);
        let json = json.args(["--output", "json"]).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json["name"], "shown");
        assert!(json["queries"][0]["flux"].is_string(), "{json}");
        // The ranges of the queries move with the clock.
        let lines = text(&output.stdout);
        let still = lines.lines().filter(|line| !line.contains("range(start:"));
        still.map(|line| format!("{line}\n")).collect::<String>()
    };
    cases::run(
        concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/rule_show"),
        show,
    );
}

/// A start does without them: they cost that receiver alone.
#[test]
fn check_config_names_what_a_receiver_would_miss() {
    let Some(shell) = Shell::new() else {
        return;
    };
    let rules = "[route]\nreceiver = \"chat\"\n\
        [[receiver]]\nname = \"chat\"\nkind = \"telegram\"\nchat = \"1\"\ntoken_file = \"gone.token\"\n\
        [[receiver]]\nname = \"hook\"\nkind = \"teams\"\nurl_env = \"NO_SUCH_URL\"\n\
        [[receiver]]\nname = \"run\"\nkind = \"command\"\nprogram = \"/nowhere/program\"\n";
    std::fs::write(shell.folder.path().join("rules.toml"), rules).unwrap();
    let check = || shell.run(&["check-config", "--set", "rules.file=rules.toml"]);
    let output = check();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(
        told.contains("receiver \"chat\"") && told.contains("gone.token"),
        "{told}"
    );
    assert!(
        told.contains("receiver \"run\": there is no program /nowhere/program"),
        "{told}"
    );
    // A variable may be set for the alerter alone.
    let rules = rules.split("[[receiver]]").collect::<Vec<_>>();
    let rules = format!(
        "{}[[receiver]]{}",
        rules[0].replace("chat", "hook"),
        rules[2]
    );
    std::fs::write(shell.folder.path().join("rules.toml"), rules).unwrap();
    let output = check();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("NO_SUCH_URL is not set"), "{told}");
}

#[test]
fn rule_show_gives_scripts_the_levels_as_numbers() {
    let Some(shell) = Shell::new() else {
        return;
    };
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/rules.toml");
    let arguments = [
        "rule", "show", "cpu_high", "--file", rules, "--output", "json",
    ];
    let shown: serde_json::Value = serde_json::from_slice(&shell.run(&arguments).stdout).unwrap();
    assert_eq!(shown["kind"], "threshold");
    assert_eq!(shown["window"], "5m");
    assert!(shown["above"]["warn"].is_f64(), "{shown}");
    assert_eq!(shown["queries"][0]["purpose"], "values");
}

#[test]
fn questions_need_no_rule_file_and_take_their_target_from_the_environment() {
    let Some(shell) = Shell::new() else {
        return;
    };
    // Nothing listens on port 1: it is the address that is asserted.
    let mut command = shell.command(&["alerts"]);
    let output = command
        .env("ALERTER_URL", "http://127.0.0.1:1")
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("no alerter answers at http://127.0.0.1:1"),
        "{message}"
    );

    let mut command = shell.command(&["alerts"]);
    let output = command
        .env("ALERTER_TOKEN_FILE", "absent")
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("absent"), "{message}");
}

#[test]
fn a_variable_that_is_set_to_nothing_says_nothing() {
    let Some(shell) = Shell::new() else {
        return;
    };
    let mut command = shell.command(&["alerts", "--set", "api.listen.listen=127.0.0.1:1"]);
    let output = command
        .env("ALERTER_URL", "")
        .env("ALERTER_TOKEN_FILE", "")
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert!(
        message.contains("no alerter answers at http://127.0.0.1:1"),
        "{message}"
    );
}

#[test]
fn variables_of_the_api_commands_are_no_configuration() {
    let Some(shell) = Shell::new() else {
        return;
    };
    let mut command = shell.command(&["rule", "list", "--file", "rules.toml"]);
    let output = command
        .env("ALERTER_URL", "http://127.0.0.1:1")
        .env("ALERTER_TOKEN_FILE", "absent")
        .output()
        .unwrap();
    assert!(text(&output.stderr).contains("rules.toml"));
    assert_eq!(output.status.code(), Some(1), "the file, not the variables");
}

#[test]
fn every_command_refuses_a_broken_configuration_with_64() {
    let Some(shell) = Shell::new() else {
        return;
    };
    let path = shell.folder.path().join("broken.toml");
    std::fs::write(path, "[api]\ntoken_fiel = \"x\"\n").unwrap();
    for command in [
        &["alerts"][..],
        &["status"],
        &["history"],
        &["silence", "list"],
        &["ack", "remove", "0000000000000000"],
        &["explain", "0000000000000000"],
        &["rule", "list"],
        &["rule", "list", "--file", "any.toml"],
        &["receiver", "list"],
        &["backtest", "any"],
    ] {
        let output = shell
            .command(command)
            .args(["--config", "broken.toml"])
            .output()
            .unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{command:?}: {message}");
        assert!(message.contains("token_fiel"), "{command:?}: {message}");
    }
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    let page = reference::markdown::<AlerterConfig>();
    let path = Path::new("../../docs/configuration/alerter.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        page,
        "UPDATE_EXPECT=1 cargo test -p watchpost-alerter writes it"
    );
}
