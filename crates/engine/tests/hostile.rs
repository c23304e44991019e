//! Bad input and little rights: any bytes on any route give a 4xx in InfluxDB's form, and no route answers without the
//! right to it.

use serde_json::{Value, json};

use crate::running::Running;

/// Every route with a body or parameters, with its method.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/api/v2/setup"),
    ("POST", "/api/v2/signin"),
    ("GET", "/api/v2/orgs/ID"),
    ("POST", "/api/v2/orgs"),
    ("PATCH", "/api/v2/orgs/ID"),
    ("PATCH", "/api/v2/orgs/ID/secrets"),
    ("POST", "/api/v2/users"),
    ("PATCH", "/api/v2/users/ID"),
    ("POST", "/api/v2/users/ID/password"),
    ("POST", "/api/v2/buckets"),
    ("PATCH", "/api/v2/buckets/ID"),
    ("POST", "/api/v2/buckets/ID/labels"),
    ("POST", "/api/v2/buckets/ID/members"),
    ("POST", "/api/v2/authorizations"),
    ("PATCH", "/api/v2/authorizations/ID"),
    ("POST", "/api/v2/labels"),
    ("PATCH", "/api/v2/labels/ID"),
    ("POST", "/api/v2/dbrps"),
    ("POST", "/api/v2/variables"),
    ("PATCH", "/api/v2/variables/ID"),
    ("POST", "/api/v2/tasks"),
    ("PATCH", "/api/v2/tasks/ID"),
    ("POST", "/api/v2/tasks/ID/runs"),
    ("POST", "/api/v2/checks"),
    ("PUT", "/api/v2/checks/ID"),
    ("POST", "/api/v2/notificationEndpoints"),
    ("POST", "/api/v2/notificationRules"),
    ("POST", "/api/v2/write?org=myorg&bucket=bench"),
    ("POST", "/write?db=bench"),
    ("POST", "/query?db=bench"),
    ("GET", "/query?db=bench&q=%FF%00select"),
    ("POST", "/api/v2/delete?org=myorg&bucket=bench"),
    ("POST", "/api/v2/query?org=myorg"),
    ("POST", "/api/v2/query/ast"),
];

/// Bodies of all kinds of nonsense.
fn bodies() -> Vec<Vec<u8>> {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let nested = format!("{{\"query\":{}}}", json!("(".repeat(10_000)));
    vec![
        b"\xff\xfe\x00\x01garbage".to_vec(),
        b"{".to_vec(),
        b"[1,2,3]".to_vec(),
        b"{\"name\":{},\"orgID\":[],\"flux\":1,\"query\":{},\"permissions\":\"x\",\"start\":5}"
            .to_vec(),
        deep.into_bytes(),
        nested.into_bytes(),
        b"\"text\"".to_vec(),
        b"{\"password\":\"\xc3\x28\"}".to_vec(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_bytes_on_any_route_are_refused_in_the_known_form() {
    let server = Running::set_up().await;
    for (method, path) in ROUTES {
        for body in bodies() {
            let path = path.replace("ID", "0a0b0c0d0e0f0102");
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let answer = server
                .request(method, &path)
                .body(body)
                .send()
                .await
                .expect("answers");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("a text");
            // InfluxDB's answer to a change of an authorization that is no JSON.
            let as_influxdb =
                status == 500 && *method == "PATCH" && path.contains("/authorizations/");
            assert!(
                (400..500).contains(&status) || as_influxdb,
                "{method} {path} with {shown:?}: {status} {text}"
            );
            let error: Value =
                serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: {text}"));
            assert!(
                error["code"].is_string() && error["message"].is_string(),
                "{method} {path}: {error}"
            );
        }
    }
    assert_eq!(server.json("/health").await["status"], "pass");
}

/// The tree of a script as JSON is hundreds of times as long as the script.
#[tokio::test(flavor = "multi_thread")]
async fn the_tree_of_a_long_script_is_refused_before_it_is_made() {
    let server = Running::set_up().await;
    let tree = async |items: usize| {
        let query = format!("x = [{}]", "1,".repeat(items));
        let request = server.request("POST", "/api/v2/query/ast");
        let answer = request.json(&json!({ "query": query })).send().await;
        let answer = answer.expect("answers");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a text"),
        )
    };
    let (status, text) = tree(10).await;
    assert!(status == 200 && text.contains("ArrayExpression"), "{text}");
    let (status, text) = tree(100_000).await;
    assert_eq!(status, 422, "{}", &text[..text.len().min(300)]);
    assert!(text.contains("memory allocation limit"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_right_changes_nothing() {
    let server = Running::set_up().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let bucket = server.json("/api/v2/buckets?name=bench").await["buckets"][0]["id"].clone();
    let resource = json!({ "type": "buckets", "orgID": org, "id": bucket });
    let request =
        json!({ "orgID": org, "permissions": [{ "action": "read", "resource": resource }] });
    let made = server
        .request("POST", "/api/v2/authorizations")
        .json(&request)
        .send()
        .await
        .expect("answers");
    let token = made.json::<Value>().await.expect("JSON")["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let (org, bucket) = (
        org.as_str().expect("an id"),
        bucket.as_str().expect("an id"),
    );
    let me = server.json("/api/v2/me").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let flux =
        "option task = {name: \"t\", every: 1h}\nfrom(bucket: \"bench\") |> range(start: -1h)";
    let forbidden = [
        ("POST", "/api/v2/orgs".to_owned(), json!({ "name": "x" })),
        (
            "PATCH",
            format!("/api/v2/orgs/{org}"),
            json!({ "name": "x" }),
        ),
        ("DELETE", format!("/api/v2/orgs/{org}"), json!({})),
        (
            "PATCH",
            format!("/api/v2/orgs/{org}/secrets"),
            json!({ "a": "b" }),
        ),
        ("GET", format!("/api/v2/orgs/{org}/secrets"), json!({})),
        (
            "POST",
            format!("/api/v2/orgs/{org}/members"),
            json!({ "id": me }),
        ),
        ("POST", "/api/v2/users".to_owned(), json!({ "name": "x" })),
        (
            "PATCH",
            format!("/api/v2/users/{me}"),
            json!({ "name": "x" }),
        ),
        ("DELETE", format!("/api/v2/users/{me}"), json!({})),
        (
            "POST",
            format!("/api/v2/users/{me}/password"),
            json!({ "password": "longenough" }),
        ),
        (
            "POST",
            "/api/v2/buckets".to_owned(),
            json!({ "orgID": org, "name": "x" }),
        ),
        (
            "PATCH",
            format!("/api/v2/buckets/{bucket}"),
            json!({ "name": "x" }),
        ),
        ("DELETE", format!("/api/v2/buckets/{bucket}"), json!({})),
        (
            "POST",
            "/api/v2/labels".to_owned(),
            json!({ "orgID": org, "name": "x" }),
        ),
        (
            "POST",
            "/api/v2/variables".to_owned(),
            json!({ "orgID": org, "name": "x", "arguments": { "type": "map" } }),
        ),
        (
            "POST",
            "/api/v2/tasks".to_owned(),
            json!({ "orgID": org, "flux": flux }),
        ),
        (
            "POST",
            "/api/v2/checks".to_owned(),
            json!({ "orgID": org, "name": "c", "type": "threshold", "every": "1m", "query": { "text": "from(bucket: \"b\")" } }),
        ),
        (
            "POST",
            "/api/v2/notificationEndpoints".to_owned(),
            json!({ "orgID": org, "name": "e", "type": "slack", "url": "http://127.0.0.1:1" }),
        ),
        (
            "POST",
            "/api/v2/write?org=myorg&bucket=bench".to_owned(),
            json!("m v=1"),
        ),
        (
            "POST",
            "/api/v2/delete?org=myorg&bucket=bench".to_owned(),
            json!({ "start": "2024-01-01T00:00:00Z", "stop": "2025-01-01T00:00:00Z" }),
        ),
    ];
    for (method, path, body) in forbidden {
        let method: reqwest::Method = method.parse().expect("a method");
        let request = server
            .client
            .request(method.clone(), format!("{}{path}", server.url))
            .json(&body);
        let answer = request
            .header("Authorization", format!("Token {token}"))
            .send()
            .await
            .expect("answers");
        let status = answer.status().as_u16();
        assert!(
            matches!(status, 401 | 403),
            "{method} {path}: {status} {}",
            answer.text().await.expect("a text")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_a_limit_is_told_and_the_server_goes_on() {
    use watchpost_engine::clock::SystemClock;
    use watchpost_engine::limits::Limits;
    let limits = Limits {
        max_body_bytes: 10_000,
        max_line_bytes: 1_000,
        max_series_per_bucket: 10,
        ..Limits::default()
    };
    let server = Running::with(limits, std::sync::Arc::new(SystemClock)).await;
    server.perform_setup().await;
    let write = async |body: String| {
        let request = server
            .request("POST", "/api/v2/write?org=myorg&bucket=bench")
            .body(body);
        let answer = request.send().await.expect("answers");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a text"),
        )
    };
    let (status, text) = write("x".repeat(20_000)).await;
    assert_eq!(status, 413, "{text}");
    assert!(text.contains("--max-body-bytes"), "{text}");
    let (status, text) = write(format!("m v=1\nm s=\"{}\"", "x".repeat(2_000))).await;
    assert_eq!(status, 413, "{text}");
    assert!(
        text.contains("line 2") && text.contains("--max-line-bytes"),
        "{text}"
    );
    let (status, text) = write((0..20).map(|id| format!("m,request={id} v=1\n")).collect()).await;
    assert_eq!(status, 422, "{text}");
    assert!(
        text.contains("tag \\\"request\\\" has the most values"),
        "{text}"
    );
    assert_eq!(write("m,request=1 v=2".to_owned()).await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_in_the_audit_log_and_secrets_are_not() {
    let server = Running::set_up().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let secrets = server
        .request("PATCH", &format!("/api/v2/orgs/{org}/secrets"))
        .json(&json!({ "key": "hidden-value" }));
    assert_eq!(secrets.send().await.expect("answers").status(), 204);
    let refused = server
        .request("POST", "/api/v2/buckets")
        .json(&json!({ "orgID": org, "name": "_x" }));
    assert_eq!(refused.send().await.expect("answers").status(), 400);
    let log = std::fs::read_to_string(server.folder().join("audit.log")).expect("the log");
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(events[0]["on"], "/api/v2/setup");
    assert!(events.iter().any(
        |event| event["on"] == format!("/api/v2/orgs/{org}/secrets") && event["status"] == 204
    ));
    assert!(
        events
            .iter()
            .any(|event| event["on"] == "/api/v2/buckets" && event["status"] == 400)
    );
    for secret in ["hidden-value", crate::running::TOKEN, "adminpassword"] {
        assert!(!log.contains(secret), "{secret} is in the audit log");
    }
}
