//! Management calls: the request each makes and what it reads from InfluxDB's answer.

use std::collections::BTreeMap;

use watchpost_client::management::{
    AuthorizationPatch, BucketPatch, Check, Labelled, NewAuthorization, NewBucket, NewDbrp,
    NewLabel, NewOrg, NewTask, NewVariable, Permission, Resource, RetentionRule, Setup, Status,
    TaskPatch,
};
use watchpost_client::{Client, Result};
use watchpost_testkit::cases;

use crate::scripted::{Answer, Scripted};

fn debug<T: std::fmt::Debug>(value: T) -> String {
    format!("{value:?}")
}

/// Calls by name what a case asks for, with fixed arguments.
async fn call(client: &Client, name: &str) -> Result<String> {
    let properties = BTreeMap::from([("color".to_owned(), "#ff0000".to_owned())]);
    match name {
        "create_org" | "find_org" | "orgs" | "me" | "setup" | "setup_allowed" | "health"
        | "ready" | "ping" => call_server(client, name).await,
        "create_task" | "delete_task" | "run_logs" | "runs" | "start_run" | "retry_run"
        | "task" | "task_logs" | "tasks" | "update_task" => call_tasks(client, name).await,
        "buckets" => client.buckets().await.map(debug),
        "find_bucket" => client.find_bucket("raw & more").await.map(debug),
        "create_bucket" => {
            let bucket = NewBucket {
                org_id: "0o".into(),
                name: "raw".into(),
                description: None,
                retention_rules: vec![RetentionRule::expire(604_800)],
            };
            client.create_bucket(&bucket).await.map(debug)
        }
        "update_bucket" => {
            let retention_rules = Some(vec![RetentionRule::expire(0)]);
            let patch = BucketPatch {
                retention_rules,
                ..BucketPatch::default()
            };
            client.update_bucket("0b", &patch).await.map(debug)
        }
        "delete_bucket" => client.delete_bucket("0b").await.map(debug),
        "authorizations" => client.authorizations().await.map(debug),
        "create_authorization" => {
            let resource = Resource {
                kind: "buckets".into(),
                id: Some("0b".into()),
                org_id: Some("0o".into()),
                name: None,
            };
            let authorization = NewAuthorization {
                org_id: "0o".into(),
                description: "agent".into(),
                permissions: vec![Permission {
                    action: "write".into(),
                    resource,
                }],
            };
            let made = client.create_authorization(&authorization).await?;
            assert_eq!(made.token, "s3cret");
            Ok(debug(made))
        }
        "update_authorization" => {
            let patch = AuthorizationPatch {
                status: Some(Status::Inactive),
                description: None,
            };
            client.update_authorization("0a", &patch).await.map(debug)
        }
        "delete_authorization" => client.delete_authorization("0a").await.map(debug),
        "labels" => client.labels("0o").await.map(debug),
        "create_label" => {
            let label = NewLabel {
                org_id: "0o".into(),
                name: "managed".into(),
                properties,
            };
            client.create_label(&label).await.map(debug)
        }
        "update_label" => client.update_label("0l", &properties).await.map(debug),
        "delete_label" => client.delete_label("0l").await.map(debug),
        "labels_of" => client.labels_of(Labelled::Task, "0t").await.map(debug),
        "add_label" => client
            .add_label(Labelled::Bucket, "0b", "0l")
            .await
            .map(debug),
        "remove_label" => client
            .remove_label(Labelled::Check, "0c", "0l")
            .await
            .map(debug),
        "dbrps" => client.dbrps("0o").await.map(debug),
        "create_dbrp" => {
            let dbrp = NewDbrp {
                org_id: "0o".into(),
                bucket_id: "0b".into(),
                database: "telegraf".into(),
                retention_policy: "autogen".into(),
                default: true,
            };
            client.create_dbrp(&dbrp).await.map(debug)
        }
        "delete_dbrp" => client.delete_dbrp("0o", "0d").await.map(debug),
        "checks" => client.checks("0o").await.map(debug),
        "create_check" => {
            let rest = serde_json::json!({ "every": "1m" })
                .as_object()
                .unwrap()
                .clone();
            let check = Check {
                id: String::new(),
                org_id: "0o".into(),
                name: "cpu".into(),
                kind: "threshold".into(),
                status: Status::Active,
                rest,
            };
            client.create_check(&check).await.map(debug)
        }
        "delete_check" => client.delete_check("0c").await.map(debug),
        "delete_points" => {
            let predicate = r#"_measurement="cpu" AND host="a""#;
            client
                .delete_points("raw", 0, 1_709_251_200_000_000_000, predicate)
                .await
                .map(debug)
        }
        "variables" => client.variables().await.map(debug),
        "create_variable" => {
            let arguments = serde_json::json!({ "type": "constant", "values": ["a"] });
            let variable = NewVariable {
                org_id: "0o".into(),
                name: "host".into(),
                arguments,
            };
            client.create_variable(&variable).await.map(debug)
        }
        "delete_variable" => client.delete_variable("0v").await.map(debug),
        other => panic!("no such call: {other}"),
    }
}

async fn call_server(client: &Client, name: &str) -> Result<String> {
    match name {
        "health" => client.health().await.map(debug),
        "ready" => client.ready().await.map(debug),
        "ping" => client.ping().await.map(debug),
        "me" => client.me().await.map(debug),
        "setup_allowed" => client.setup_allowed().await.map(debug),
        "setup" => {
            let setup = Setup {
                username: "admin".into(),
                password: "adminpassword".into(),
                org: "myorg".into(),
                bucket: "raw".into(),
                retention_period_seconds: 0,
                token: Some("s3cret".into()),
            };
            client.setup(&setup).await.map(debug)
        }
        "orgs" => client.orgs().await.map(debug),
        "find_org" => client.find_org("my org").await.map(debug),
        _ => client
            .create_org(&NewOrg {
                name: "new".into(),
                description: None,
            })
            .await
            .map(debug),
    }
}

async fn call_tasks(client: &Client, name: &str) -> Result<String> {
    match name {
        "tasks" => client.tasks().await.map(debug),
        "task" => client.task("0t").await.map(debug),
        "create_task" => {
            let task = NewTask {
                org_id: "0o".into(),
                flux: "option task = {name: \"roll\", every: 1h}".into(),
                description: None,
                status: Status::Inactive,
            };
            client.create_task(&task).await.map(debug)
        }
        "update_task" => {
            let patch = TaskPatch {
                status: Some(Status::Active),
                ..TaskPatch::default()
            };
            client.update_task("0t", &patch).await.map(debug)
        }
        "delete_task" => client.delete_task("0t").await.map(debug),
        "runs" => client.runs("0t").await.map(debug),
        "start_run" => client
            .start_run("0t", Some("2024-03-01T00:00:00Z"))
            .await
            .map(debug),
        "retry_run" => client.retry_run("0t", "0r").await.map(debug),
        "task_logs" => client.task_logs("0t").await.map(debug),
        _ => client.run_logs("0t", "0r").await.map(debug),
    }
}

#[test]
fn every_call_sends_and_reads_what_influxdb_does() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    cases::run("testdata/management.md", |case| {
        runtime.block_on(async {
            let server = Scripted::start(vec![Answer::parse(case.input("answer"))]).await;
            let result = match call(&server.client(), case.input("call").trim()).await {
                Ok(result) => result,
                Err(error) => format!("error: {error}"),
            };
            let request = &server.requests()[0];
            let body = Some(&request.body).filter(|body| !body.is_empty());
            let body = body.map_or_else(String::new, |body| format!("{body}\n"));
            format!("{}\n{body}{result}\n", request.line)
        })
    });
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let page = |from: usize, count: usize| {
        let buckets: Vec<_> = (from..from + count)
            .map(|n| serde_json::json!({ "id": format!("{n:016x}"), "name": format!("b{n}") }))
            .collect();
        Answer::json(&serde_json::json!({ "buckets": buckets }).to_string())
    };
    let server = Scripted::start(vec![page(0, 100), page(100, 3)]).await;
    assert_eq!(server.client().buckets().await.unwrap().len(), 103);
    let lines: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.line.clone())
        .collect();
    assert_eq!(lines[0], "GET /api/v2/buckets?org=my+org&limit=100");
    assert_eq!(
        lines[1],
        "GET /api/v2/buckets?org=my+org&limit=100&after=0000000000000063"
    );
}
