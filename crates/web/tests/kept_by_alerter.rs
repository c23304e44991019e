//! Where the server keeps no texts, notes, boards and preferences are documents of the alerter.

use serde_json::json;
use watchpost_service::config::ServerKind;
use watchpost_testkit::{Daemon, skip};

use crate::fixture::{Answer, Fixture, write_secret};

/// Pushed alerts alone: nothing is asked of a server.
const RULES: &str = r#"
[route]
receiver = "local"

[[receiver]]
name = "local"
kind = "file"
path = "alerts.log"
"#;

/// A web server of another kind of server, with an alerter beside it.
fn start() -> Option<(Fixture, Daemon)> {
    let Some(mut command) = Daemon::command("watchpost-alerter") else {
        skip("watchpost-alerter is not built");
        return None;
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
    let address = port.local_addr().ok()?;
    drop(port);
    let mut folder_of_alerter = None;
    let fixture = Fixture::start_with(|config, folder| {
        config.influx.kind = ServerKind::VictoriaMetrics;
        config.alerter.url = format!("http://{address}");
        let token = write_secret(folder, "alerter", "a-token-of-the-alerter");
        config.alerter.token_file = Some(token.clone());
        config.annotations.token_file = None;
        command
            .env("WATCHPOST_API__TOKEN_FILE", token)
            .env(
                "WATCHPOST_RULES__FILE",
                write_secret(folder, "rules.toml", RULES),
            )
            .env("WATCHPOST_STORE__FOLDER", folder.join("alerter-data"))
            .env("INFLUX_URL", &config.influx.url);
        folder_of_alerter = Some(folder.to_owned());
    })?;
    command
        .arg("run")
        .current_dir(folder_of_alerter?)
        .env("WATCHPOST_INFLUX__KIND", "victoriametrics")
        .env("WATCHPOST_API__LISTEN__LISTEN", address.to_string());
    let mut alerter = Daemon::start(command);
    alerter.wait_for_port(address);
    Some((fixture, alerter))
}

#[test]
fn notes_and_boards_are_made_shown_and_removed() {
    let Some((fixture, _alerter)) = start() else {
        return;
    };
    let post = |path: &str, body: &serde_json::Value| -> Answer {
        fixture.send(fixture.http.post(fixture.url(path)).json(body))
    };
    let remove = |path: &str| fixture.send(fixture.http.delete(fixture.url(path)));

    let made = post(
        "/api/v1/annotations",
        &json!({ "text": "deployed", "host": "web-1", "time": "2026-03-01T12:00:00Z", "stop": "2026-03-01T12:05:00Z" }),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let day = "start=2026-03-01T00:00:00Z&stop=2026-03-02T00:00:00Z";
    let notes = |query: &str| fixture.get(&format!("/api/v1/annotations?{query}")).json();
    assert_eq!(notes(day)["annotations"], json!([made.json()]));
    let of_other = notes(&format!("{day}&host=web-2"));
    assert_eq!(of_other["annotations"], json!([]));
    // The range is half-open, to the nanosecond.
    let before = notes("start=2026-02-01T00:00:00Z&stop=2026-03-01T12:00:00Z");
    assert_eq!(before["annotations"], json!([]));
    assert_eq!(remove(&format!("/api/v1/annotations/{id}")).status, 200);
    assert_eq!(remove(&format!("/api/v1/annotations/{id}")).status, 404);
    assert_eq!(notes(day)["annotations"], json!([]));

    let panel =
        json!({ "title": "", "metrics": ["cpu_usage_percent"], "hosts": ["web-1"], "each": false });
    let kept = post("/api/v1/boards/my%20wall", &json!({ "panels": [panel] }));
    assert_eq!(kept.status, 200, "{}", kept.body);
    let board = fixture.get("/api/v1/boards/my%20wall").json();
    assert_eq!(board["panels"], json!([panel]));
    assert_eq!(
        (&board["name"], &board["range"]),
        (&json!("my wall"), &json!("1h"))
    );
    let all = fixture.get("/api/v1/boards").json();
    assert_eq!(all["boards"], json!([board]));
    assert_eq!(fixture.get("/boards/my%20wall").status, 200);
    // A name that begins as another's is not that one.
    assert_eq!(fixture.get("/api/v1/boards/my").status, 404);
    assert_eq!(remove("/api/v1/boards/my%20wall").status, 200);
    assert_eq!(fixture.get("/api/v1/boards").json()["boards"], json!([]));
}

#[test]
fn while_the_alerter_is_away_this_is_said() {
    let Some((fixture, mut alerter)) = start() else {
        return;
    };
    alerter.kill();
    let refused = fixture.send(
        fixture
            .http
            .post(fixture.url("/api/v1/annotations"))
            .json(&json!({ "text": "lost?" })),
    );
    assert_eq!(refused.status, 502, "{}", refused.body);
    assert!(
        refused.body.contains("cannot be reached"),
        "{}",
        refused.body
    );
}
