//! Clients of version 1 with a name and a password of their own (`influx v1 auth`): made, used in every form that such
//! clients have, switched off, taken away.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::running::Running;

const LEGACY: &str = "/private/legacy/authorizations";

/// An authorization of version 1 that may write the bucket `bench`, and read it too if `reads`.
async fn create(server: &Running, name: &str, reads: bool) -> Value {
    let buckets = server.json("/api/v2/buckets?name=bench").await;
    let bucket = &buckets["buckets"][0];
    let permission = |action: &str| json!({ "action": action, "resource": { "type": "buckets", "id": bucket["id"], "orgID": bucket["orgID"] } });
    let mut permissions = vec![permission("write")];
    permissions.extend(reads.then(|| permission("read")));
    let body = json!({ "token": name, "orgID": bucket["orgID"], "description": "d", "permissions": permissions });
    let (status, made) = sent(server.request("POST", LEGACY).json(&body)).await;
    assert_eq!(status, 201, "{made}");
    made
}

async fn sent(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("answers");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a text");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn set_password(server: &Running, made: &Value, password: &str) -> u16 {
    let path = format!("{LEGACY}/{}/password", made["id"].as_str().expect("an id"));
    sent(
        server
            .request("POST", &path)
            .json(&json!({ "password": password })),
    )
    .await
    .0
}

/// The statuses of a write with each way to say name and password.
async fn writes(server: &Running, name: &str, password: &str) -> Vec<u16> {
    let url = format!("{}/write?db=bench", server.url);
    let client = reqwest::Client::new();
    let forms = [
        client.post(format!("{url}&u={name}&p={password}")),
        client.post(&url).basic_auth(name, Some(password)),
        client
            .post(&url)
            .header("Authorization", format!("Token {name}:{password}")),
    ];
    let mut statuses = Vec::new();
    for form in forms {
        statuses.push(sent(form.body("m v=1")).await.0);
    }
    statuses
}

async fn reads(server: &Running, name: &str, password: &str) -> (u16, Value) {
    let url = format!(
        "{}/query?db=bench&q=SELECT%20count(v)%20FROM%20m",
        server.url
    );
    let request = reqwest::Client::new().get(url);
    sent(request.basic_auth(name, Some(password))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_a_password_write_and_read_as_far_as_they_may() {
    let server = Running::set_up().await;
    let made = create(&server, "telegraf", true).await;
    assert_eq!(made["token"], "telegraf", "the name stands where tokens do");
    assert!(
        made["links"]["self"]
            .as_str()
            .expect("a link")
            .starts_with(LEGACY)
    );
    assert_eq!(
        writes(&server, "telegraf", "longenough").await,
        [401; 3],
        "no password yet"
    );
    assert_eq!(set_password(&server, &made, "short").await, 400);
    assert_eq!(set_password(&server, &made, "longenough").await, 204);
    assert_eq!(writes(&server, "telegraf", "longenough").await, [204; 3]);
    assert_eq!(reads(&server, "telegraf", "wrong-word").await.0, 401);
    assert_eq!(writes(&server, "nobody", "longenough").await, [401; 3]);
    let (status, answer) = reads(&server, "telegraf", "longenough").await;
    assert!(
        status == 200 && answer["results"][0]["series"].is_array(),
        "{answer}"
    );

    let writer = create(&server, "writer", false).await;
    assert_eq!(set_password(&server, &writer, "longenough").await, 204);
    assert_eq!(writes(&server, "writer", "longenough").await, [204; 3]);
    let (_, answer) = reads(&server, "writer", "longenough").await;
    assert!(
        answer["results"][0]["series"].is_null(),
        "it may not read: {answer}"
    );

    // A new password ends the old one, though that was found right before.
    assert_eq!(set_password(&server, &writer, "another-one").await, 204);
    assert_eq!(reads(&server, "writer", "longenough").await.0, 401);
    assert_eq!(writes(&server, "writer", "another-one").await, [204; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_managed_apart_from_tokens() {
    let server = Running::set_up().await;
    let made = create(&server, "telegraf", false).await;
    assert_eq!(set_password(&server, &made, "longenough").await, 204);
    let again =
        json!({ "token": "telegraf", "orgID": made["orgID"], "permissions": made["permissions"] });
    let (status, refused) = sent(server.request("POST", LEGACY).json(&again)).await;
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("conflict")),
        "{refused}"
    );
    let nameless = json!({ "orgID": made["orgID"], "permissions": made["permissions"] });
    assert_eq!(
        sent(server.request("POST", LEGACY).json(&nameless)).await.0,
        400
    );

    let ids = |listed: Value| -> Vec<Value> {
        let found = listed["authorizations"].as_array().expect("a list");
        found.iter().map(|one| one["id"].clone()).collect()
    };
    assert_eq!(ids(server.json(LEGACY).await), [made["id"].clone()]);
    assert_eq!(
        ids(server.json(&format!("{LEGACY}?token=telegraf")).await).len(),
        1
    );
    assert_eq!(
        ids(server.json(&format!("{LEGACY}?token=other")).await).len(),
        0
    );
    assert!(!ids(server.json("/api/v2/authorizations").await).contains(&made["id"]));

    let id = made["id"].as_str().expect("an id");
    let path = format!("{LEGACY}/{id}");
    let apart = format!("/api/v2/authorizations/{id}");
    assert_eq!(sent(server.request("GET", &apart)).await.0, 404);
    let off = server
        .request("PATCH", &path)
        .json(&json!({ "status": "inactive" }));
    assert_eq!(sent(off).await.1["status"], "inactive");
    // As InfluxDB 2.7.12 answers on the routes of version 1.
    assert_eq!(writes(&server, "telegraf", "longenough").await, [401; 3]);
    assert_eq!(sent(server.request("DELETE", &path)).await.0, 204);
    assert_eq!(writes(&server, "telegraf", "longenough").await, [401; 3]);
    assert_eq!(sent(server.request("GET", &path)).await.0, 404);
}
