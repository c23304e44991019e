//! Narrow rights, and changes that leave a trace: who may write points may not take any away, and what cannot be recorded
//! is not done.

use std::sync::Arc;

use serde_json::{Value, json};
use watchpost_engine::clock::SystemClock;

use crate::running::{Running, answered, settings};

#[tokio::test(flavor = "multi_thread")]
async fn who_may_write_points_may_neither_delete_them_nor_touch_the_bucket() {
    let server = Running::set_up().await;
    let bucket = server.json("/api/v2/buckets?name=bench").await["buckets"][0].clone();
    let (org, id) = (bucket["orgID"].clone(), bucket["id"].clone());
    let resource = json!({ "type": "points", "orgID": org, "id": id });
    let token = server
        .token(
            &org,
            vec![json!({ "action": "write", "resource": resource })],
        )
        .await;
    let id = id.as_str().expect("an id");
    let write = server
        .request_with(&token, "POST", "/api/v2/write?org=myorg&bucket=bench")
        .body("m v=1 1");
    assert_eq!(answered(write).await.0, 204);
    let write = server
        .request_with(&token, "POST", "/write?db=bench")
        .body("m v=2 2");
    assert_eq!(answered(write).await.0, 204);
    let all = json!({ "start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z" });
    let attempts = [
        (
            "POST",
            "/api/v2/delete?org=myorg&bucket=bench".to_owned(),
            all,
        ),
        (
            "PATCH",
            format!("/api/v2/buckets/{id}"),
            json!({ "name": "gone" }),
        ),
        (
            "PATCH",
            format!("/api/v2/buckets/{id}"),
            json!({ "retentionRules": [{ "type": "expire", "everySeconds": 3600 }] }),
        ),
        ("DELETE", format!("/api/v2/buckets/{id}"), json!(null)),
        (
            "POST",
            format!("/api/v2/buckets/{id}/labels"),
            json!({ "labelID": id }),
        ),
        (
            "POST",
            format!("/api/v2/buckets/{id}/members"),
            json!({ "id": id }),
        ),
        (
            "POST",
            format!("/api/v2/buckets/{id}/owners"),
            json!({ "id": id }),
        ),
        (
            "POST",
            "/api/v2/dbrps".to_owned(),
            json!({ "orgID": org, "bucketID": id, "database": "d", "retention_policy": "r" }),
        ),
        (
            "POST",
            "/api/v2/buckets".to_owned(),
            json!({ "orgID": org, "name": "more" }),
        ),
        ("GET", format!("/api/v2/buckets/{id}"), json!(null)),
    ];
    for (method, path, body) in attempts {
        let request = server.request_with(&token, method, &path).json(&body);
        let (status, text) = answered(request).await;
        assert!(
            matches!(status, 401 | 403 | 404),
            "{method} {path}: {status} {text}"
        );
    }
    for method in ["GET", "POST"] {
        let path = "/query?db=bench&q=DELETE%20FROM%20m";
        let _ = answered(server.request_with(&token, method, path)).await;
    }
    let (_, points) = server
        .query("from(bucket: \"bench\") |> range(start: 0) |> count()")
        .await;
    assert!(points.contains(",2,"), "{points}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_not_done() {
    let server = Running::set_up().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let folder = server.stop().await;
    let log = folder.path().join("audit.log");
    std::fs::remove_file(&log).expect("was there");
    std::os::unix::fs::symlink("/dev/full", &log).expect("links");
    let settings = settings(&folder);
    let server = Running::start(folder, settings, Arc::new(SystemClock)).await;
    let make = server
        .request("POST", "/api/v2/buckets")
        .json(&json!({ "orgID": org, "name": "unrecorded" }));
    let (status, text) = answered(make).await;
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("audit log"), "{text}");
    let all = json!({ "start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z" });
    assert_eq!(
        server.write("m v=1 1").await.0,
        204,
        "points are not recorded"
    );
    let delete = server
        .request("POST", "/api/v2/delete?org=myorg&bucket=bench")
        .json(&all);
    assert_eq!(answered(delete).await.0, 503);
    let found = server.json("/api/v2/buckets").await;
    let names: Vec<&Value> = found["buckets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert!(!names.contains(&&json!("unrecorded")), "{names:?}");
}
