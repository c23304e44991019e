//! `up --engine external`: the roles on a server that runs already, ours or InfluxDB.

use serde_json::Value;
use watchpost_e2e::platform::{Server, Site};
use watchpost_testkit::{server, wait};

use crate::lifecycle::text;
use crate::living_chain::RULES;

#[test]
fn the_roles_run_on_a_server_that_is_there_already() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let Some(running) = server() else { return };
    let site = site.on(Server {
        url: running.url.clone(),
        token: running.token.clone(),
        organization: running.org.clone(),
        named: None,
    });
    let platform = site.up(&["--hosts", "1"]);
    assert_eq!(platform.server(), running.url);
    let state = site.state();
    let roles = state["roles"].as_array().unwrap();
    assert!(roles.iter().all(|it| it["name"] != "engine"), "{roles:?}");
    wait::until("both hosts on the page", || {
        let (_, body) = platform.get("/api/v1/hosts");
        let answer: Value = serde_json::from_str(&body).ok()?;
        let hosts = answer["hosts"].as_array()?.len();
        (hosts >= 2).then_some(())
    });
    // The given token went into a file of its owner alone, and nowhere else.
    let kept = std::fs::read_to_string(platform.token_file("operator")).unwrap();
    assert_eq!(kept.trim(), running.token);
    assert!(!platform.text().contains(&running.token));
    let environment = std::fs::read(format!("/proc/{}/environ", platform.processes()[0]));
    let environment = String::from_utf8_lossy(&environment.unwrap()).into_owned();
    assert!(
        !environment.contains(&running.token),
        "a role gets its own token alone"
    );
    platform.stop();
}

#[test]
fn what_is_missing_for_an_external_server_is_said() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let said = |variables: &[(&str, &str)]| {
        let mut command = site.command(&["--engine", "external"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert!(!output.status.success());
        text(&output)
    };
    assert!(said(&[]).contains("INFLUX_URL does not say where the server is"));
    let away = said(&[("INFLUX_URL", &closed), ("INFLUX_TOKEN", "t")]);
    assert!(
        away.contains(&format!("no server answers at {closed}")),
        "{away}"
    );
    let Some(running) = server() else { return };
    let bare = said(&[("INFLUX_URL", &running.url)]);
    assert!(bare.contains("INFLUX_TOKEN_FILE"), "{bare}");
    let wrong = said(&[
        ("INFLUX_URL", &running.url),
        ("INFLUX_TOKEN", "not-a-token"),
        ("INFLUX_ORG", &running.org),
    ]);
    assert!(wrong.contains("the provisioner failed"), "{wrong}");
    assert!(!wrong.contains("not-a-token"), "{wrong}");
}
