//! A token that is switched off, as InfluxDB 2.7 answers it: clients read the words.

use serde_json::{Value, json};

use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_token_is_answered_as_such() {
    let server = Running::set_up().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let resource = json!({ "type": "buckets", "orgID": org });
    let request = json!({
        "orgID": org,
        "status": "inactive",
        "permissions": [
            { "action": "write", "resource": resource },
            { "action": "read", "resource": resource },
        ],
    });
    let made = server
        .request("POST", "/api/v2/authorizations")
        .json(&request)
        .send()
        .await
        .expect("answers");
    let made: Value = made.json().await.expect("JSON");
    let token = made["token"].as_str().expect("a token");
    let cases = [
        (
            "POST",
            "/api/v2/write?org=myorg&bucket=bench",
            403,
            "insufficient permissions for write: token is inactive",
        ),
        ("POST", "/write?db=bench", 401, "\"Unauthorized\""),
        (
            "GET",
            "/query?db=bench&q=show%20measurements",
            401,
            "\"Unauthorized\"",
        ),
    ];
    for (method, path, status, message) in cases {
        let answer = server
            .client
            .request(
                method.parse().expect("a method"),
                format!("{}{path}", server.url),
            )
            .header("Authorization", format!("Token {token}"))
            .body("m v=1")
            .send()
            .await
            .expect("answers");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let text = answer.text().await.expect("a text");
        assert!(text.contains(message), "{path}: {text}");
    }
}
