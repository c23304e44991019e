//! Copies that are taken while the server runs: who may take them, and what else that token may do.

use serde_json::{Value, json};

use crate::running::{Running, answered};

/// What a snapshot says of the log.
fn log_path(snapshot: &Value, management: &str) -> String {
    let log = &snapshot["log"];
    format!(
        "/watchpost/archive/log?file={}&offset={}&management={management}",
        log["file"], log["offset"]
    )
}

async fn backup_token(server: &Running) -> String {
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let backup = json!({ "action": "read", "resource": { "type": "backup", "orgID": org } });
    server.token(&org, vec![backup]).await
}

async fn get(server: &Running, token: &str, path: &str) -> (u16, String) {
    answered(server.request_with(token, "GET", path)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_backups_takes_a_copy_and_does_nothing_else() {
    let server = Running::set_up().await;
    assert_eq!(server.write("m,host=a v=1").await.0, 204);
    let token = backup_token(&server).await;
    let (status, body) = get(&server, &token, "/watchpost/archive/snapshot").await;
    assert_eq!(status, 200, "{body}");
    let snapshot: Value = serde_json::from_str(&body).expect("JSON");
    let segment = &snapshot["segments"][0];
    let path = format!(
        "/watchpost/archive/segment?name={}&bytes={}&check={}&from=0",
        segment["name"].as_str().expect("a name"),
        segment["bytes"],
        segment["check"]
    );
    let request = server.request_with(&token, "GET", &path);
    let answer = request.send().await.expect("answers");
    assert_eq!(answer.status(), 200);
    let bytes = answer.bytes().await.expect("the whole");
    assert_eq!(Some(bytes.len() as u64), segment["bytes"].as_u64());

    // Nothing was written since: an empty piece of a file that is to come.
    let (status, body) = get(&server, &token, &log_path(&snapshot, "")).await;
    assert_eq!(status, 200, "{body}");
    let head: Value = serde_json::from_str(body.trim_end()).expect("JSON");
    assert_eq!(head["platform"], snapshot["platform"]);
    assert_eq!(head["is_whole"], true);
    assert!(head["management"].is_string());
    assert_eq!(server.write("m,host=a v=2").await.0, 204);
    let known = head["management_check"].to_string();
    let request = server.request_with(&token, "GET", &log_path(&snapshot, &known));
    let answer = request.send().await.expect("answers");
    let body = answer.bytes().await.expect("the whole");
    let end = body.iter().position(|byte| *byte == b'\n').expect("a head");
    let head: Value = serde_json::from_slice(&body[..end]).expect("JSON");
    assert_eq!(head["management"], Value::Null);
    assert!(body[end + 1..].starts_with(b"WREC"), "records follow");

    let (_, named) = server.query_with(&token, "buckets()").await;
    assert!(!named.contains("bench"), "{named}");
    let flux = "from(bucket: \"bench\") |> range(start: -1h)";
    let (status, body) = server.query_with(&token, flux).await;
    assert!(status >= 400, "{status} {body}");
    let (_, buckets) = get(&server, &token, "/api/v2/buckets").await;
    assert!(!buckets.contains("\"bench\""), "{buckets}");
    let write = server.request_with(&token, "POST", "/api/v2/write?org=myorg&bucket=bench");
    assert!(answered(write.body("m v=1")).await.0 >= 400);
    for path in ["/watchpost/backup", "/watchpost/stats"] {
        assert_eq!(get(&server, &token, path).await.0, 401, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_take_no_copy_and_cannot_let_themselves() {
    let server = Running::set_up().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let of = |action: &str, kind: &str| json!({ "action": action, "resource": { "type": kind, "orgID": org } });
    let all_of_an_organization = vec![
        of("read", "buckets"),
        of("write", "buckets"),
        of("read", "authorizations"),
        of("write", "authorizations"),
    ];
    let token = server.token(&org, all_of_an_organization).await;
    for path in [
        "/watchpost/archive/snapshot",
        "/watchpost/archive/segment?name=a&bytes=1&check=1&from=0",
        "/watchpost/archive/log?file=1&offset=72",
    ] {
        assert_eq!(get(&server, &token, path).await.0, 401, "{path}");
        assert_eq!(answered(server.bare("GET", path)).await.0, 401, "{path}");
    }
    let given = json!({ "orgID": org, "permissions": [of("read", "backup")] });
    let request = server.request_with(&token, "POST", "/api/v2/authorizations");
    let (status, body) = answered(request.json(&given)).await;
    assert!(status >= 400, "{status} {body}");
    let request = server.request("POST", "/api/v2/authorizations");
    let senseless = json!({ "orgID": org, "permissions": [of("write", "backup")] });
    let (status, body) = answered(request.json(&senseless)).await;
    assert!(
        status == 400 && body.contains("read:backup"),
        "{status} {body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_are_none_are_refused() {
    let server = Running::set_up().await;
    for (path, expected) in [
        ("/watchpost/archive/log?file=x&offset=72", 400),
        ("/watchpost/archive/log?file=1", 400),
        ("/watchpost/archive/log?file=999&offset=72", 404),
        ("/watchpost/archive/log?file=1&offset=0", 404),
        (
            "/watchpost/archive/log?file=1&offset=18446744073709551615",
            404,
        ),
        (
            "/watchpost/archive/segment?name=../../meta.journal&bytes=9&check=1&from=0",
            404,
        ),
        (
            "/watchpost/archive/segment?name=data/1/0_1/1_1.segment&bytes=9&check=1&from=0",
            404,
        ),
        (
            "/watchpost/archive/segment?name=&bytes=-1&check=1&from=0",
            400,
        ),
    ] {
        let (status, body) = answered(server.request("GET", path)).await;
        assert_eq!(status, expected, "{path}: {body}");
    }
}
