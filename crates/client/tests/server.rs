//! The client and a real server: what is written is read back, what is made is found and goes.

use std::time::Duration;

use watchpost_client::management::{
    BucketPatch, NewAuthorization, NewBucket, NewLabel, NewTask, Permission, Resource,
    RetentionRule, Status,
};
use watchpost_client::query::{Param, Query};
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource, flux_text};
use watchpost_testkit::Server;

/// Seconds of 2024-03-01T00:00:00Z.
const MARCH: i64 = 1_709_251_200;

fn client(server: &Server) -> Client {
    let token = TokenSource::fixed(server.token.as_str());
    let config = ClientConfig {
        // The debug build of the server on a busy machine.
        timeout: Duration::from_secs(60),
        ..ClientConfig::new(&server.url, &server.org, token)
    };
    Client::new(config).unwrap()
}

/// Runs a test in a bucket of its own, which goes afterwards.
fn in_a_bucket(test: impl AsyncFn(&Client, &str, &str)) {
    with_server(async |_, client, org_id, bucket| test(client, org_id, bucket).await);
}

/// Like [`in_a_bucket`], for a test that wants the server's token as well.
fn with_server(test: impl AsyncFn(&Server, &Client, &str, &str)) {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = client(&server);
        let org_id = client
            .find_org(&server.org)
            .await
            .unwrap()
            .expect("the organization")
            .id;
        let bucket = NewBucket {
            org_id: org_id.clone(),
            name: format!("client-{:016x}", fastrand::u64(..)),
            description: None,
            retention_rules: vec![],
        };
        let made = client.create_bucket(&bucket).await.unwrap();
        test(&server, &client, &org_id, &bucket.name).await;
        client.delete_bucket(&made.id).await.unwrap();
        assert_eq!(client.find_bucket(&bucket.name).await.unwrap(), None);
    });
}

#[test]
fn what_is_written_is_read_back() {
    in_a_bucket(async |client, _, bucket| {
        let lines = format!(
            "m,k=a\\ b v=1.5,n=7i {MARCH}\nm,k=a\\ b v=2.5 {}\n",
            MARCH + 10
        );
        assert_eq!(
            client
                .write(bucket, Precision::Seconds, lines.as_bytes())
                .await,
            Outcome::Done
        );
        let text = "from(bucket: params.bucket) |> range(start: params.start, stop: params.stop)";
        let query = Query::new(text)
            .param("bucket", bucket)
            .param("start", Param::Time(MARCH * 1_000_000_000))
            .param("stop", Param::Time((MARCH + 11) * 1_000_000_000));
        let tables = client.query(&query).await.unwrap();
        assert_eq!(tables.len(), 2, "one for each field");
        let (n, v) = (tables[0].row(0), tables[1].row(1));
        assert_eq!((n.str("_field"), n.i64("_value")), (Some("n"), Some(7)));
        assert_eq!((v.str("k"), v.f64("_value")), (Some("a b"), Some(2.5)));
        assert_eq!(v.time("_time"), Some((MARCH + 10) * 1_000_000_000));
    });
}

#[test]
fn refused_lines_are_named_and_the_rest_can_be_sent() {
    in_a_bucket(async |client, _, bucket| {
        let lines = b"m v=1 1\nm v= 2\nm v=3 3";
        let outcome = client.write(bucket, Precision::Seconds, lines).await;
        let Outcome::RejectedLines(rejection) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(rejection.lines.len(), 1);
        assert_eq!(rejection.lines[0].number, Some(2));
        assert!(!rejection.rest_stored);
        let outcome = client
            .write(bucket, Precision::Seconds, b"m v=1 1\nm v=3 3")
            .await;
        assert_eq!(outcome, Outcome::Done);
        let outcome = client.write(bucket, Precision::Seconds, b"m v=7i 4").await;
        let Outcome::RejectedLines(rejection) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(rejection.rest_stored, "{rejection:?}");
        assert_eq!(rejection.lines[0].number, Some(1));
    });
}

#[test]
fn no_bucket_and_no_token_are_refused() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let outcome = client(&server)
            .write("no such bucket", Precision::Seconds, b"m v=1 1")
            .await;
        assert!(
            matches!(outcome, Outcome::Refused { status: 404, .. }),
            "{outcome:?}"
        );
        let nobody = ClientConfig::new(&server.url, &server.org, TokenSource::fixed("wrong"));
        let nobody = Client::new(nobody).unwrap();
        let outcome = nobody
            .write(&server.bucket, Precision::Seconds, b"m v=1 1")
            .await;
        assert!(
            matches!(outcome, Outcome::Refused { status: 401, .. }),
            "{outcome:?}"
        );
        assert_eq!(
            nobody
                .query(&Query::new("x = 1"))
                .await
                .unwrap_err()
                .status(),
            Some(401)
        );
    });
}

#[test]
fn a_query_that_is_wrong_says_where() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let error = runtime
        .block_on(client(&server).query(&Query::new("from(bucket: )")))
        .unwrap_err();
    assert_eq!(error.status(), Some(400));
    assert!(error.to_string().contains("1:"), "{error}");
}

#[test]
fn points_are_deleted() {
    in_a_bucket(async |client, _, bucket| {
        let lines = format!("m,k=a v=1 {MARCH}\nm,k=b v=1 {MARCH}\n");
        assert_eq!(
            client
                .write(bucket, Precision::Seconds, lines.as_bytes())
                .await,
            Outcome::Done
        );
        let now = (MARCH + 1) * 1_000_000_000;
        client
            .delete_points(bucket, 0, now, "k=\"a\"")
            .await
            .unwrap();
        let text = format!(
            "from(bucket: {}) |> range(start: 0)",
            flux_text::string(bucket)
        );
        let tables = client.query(&Query::new(text)).await.unwrap();
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].row(0).str("k"), Some("b"));
    });
}

#[test]
fn things_are_made_changed_and_deleted() {
    in_a_bucket(async |client, org_id, bucket| {
        assert_eq!(client.health().await.unwrap().status, "pass");
        assert!(client.ready().await.unwrap());
        assert!(!client.setup_allowed().await.unwrap());
        assert!(!client.me().await.unwrap().name.is_empty());

        let id = client.find_bucket(bucket).await.unwrap().unwrap().id;
        let rule = RetentionRule {
            shard_group_duration_seconds: Some(3600),
            ..RetentionRule::expire(86_400)
        };
        let retention_rules = Some(vec![rule]);
        let patch = BucketPatch {
            retention_rules,
            ..BucketPatch::default()
        };
        let changed = client.update_bucket(&id, &patch).await.unwrap();
        assert_eq!(changed.retention_seconds(), 86_400);

        let resource = Resource {
            kind: "buckets".into(),
            id: Some(id.clone()),
            org_id: Some(org_id.to_owned()),
            name: None,
        };
        let permissions = vec![Permission {
            action: "write".into(),
            resource,
        }];
        let authorization = NewAuthorization {
            org_id: org_id.to_owned(),
            description: format!("token of {bucket}"),
            permissions,
        };
        let made = client.create_authorization(&authorization).await.unwrap();
        let all = client.authorizations().await.unwrap();
        assert!(all.iter().any(|one| one.id == made.id));
        let mut config = client.config().clone();
        config.token = TokenSource::fixed(made.token.as_str());
        let writer = Client::new(config).unwrap();
        let lines = b"m v=1";
        assert_eq!(
            writer.write(bucket, Precision::Seconds, lines).await,
            Outcome::Done
        );
        client.delete_authorization(&made.id).await.unwrap();
        let outcome = writer.write(bucket, Precision::Seconds, lines).await;
        assert!(
            matches!(outcome, Outcome::Refused { status: 401, .. }),
            "{outcome:?}"
        );

        let label = NewLabel {
            org_id: org_id.to_owned(),
            name: bucket.to_owned(),
            ..NewLabel::default()
        };
        let label = match client.create_label(&label).await {
            Err(error) if error.to_string().starts_with("path not found") => {
                return watchpost_testkit::skip("the server has no labels");
            }
            label => label.unwrap(),
        };
        client.delete_label(&label.id).await.unwrap();
    });
}

#[test]
fn a_task_is_made_and_deleted() {
    in_a_bucket(async |client, org_id, bucket| {
        let name = flux_text::string(bucket);
        let task = NewTask {
            org_id: org_id.to_owned(),
            flux: format!(
                "option task = {{name: {name}, every: 1h}}\n\nfrom(bucket: {name}) |> range(start: -1h)"
            ),
            description: Some("made by a test".into()),
            status: Status::Inactive,
        };
        let made = match client.create_task(&task).await {
            Err(error) if error.to_string().starts_with("path not found") => {
                return watchpost_testkit::skip("the server has no tasks");
            }
            made => made.unwrap(),
        };
        assert_eq!(
            (made.name.as_str(), made.every.as_deref()),
            (bucket, Some("1h"))
        );
        assert!(
            client
                .tasks()
                .await
                .unwrap()
                .iter()
                .any(|one| one.id == made.id)
        );
        client.delete_task(&made.id).await.unwrap();
        assert!(client.task(&made.id).await.unwrap_err().is_not_found());
    });
}

/// The crate `influxdb2` and ours see the same server the same way.
#[test]
fn influxdb2_agrees() {
    with_server(async |server, client, org_id, bucket| {
        let theirs = influxdb2::Client::new(&server.url, &server.org, &server.token);
        assert_eq!(
            theirs.health().await.unwrap().name,
            client.health().await.unwrap().name
        );
        let orgs = theirs.list_organizations(Default::default()).await.unwrap();
        assert!(
            orgs.orgs
                .iter()
                .any(|org| org.id.as_deref() == Some(org_id))
        );
        let buckets = theirs.list_buckets(None).await.unwrap();
        assert!(buckets.buckets.iter().any(|one| one.name == bucket));
        let line = format!("m,k=a v=1.5 {MARCH}000000000\n");
        theirs
            .write_line_protocol(&server.org, bucket, line)
            .await
            .unwrap();
        let text = format!(
            "from(bucket: {}) |> range(start: 0)",
            flux_text::string(bucket)
        );
        let ours = client.query(&Query::new(text.as_str())).await.unwrap();
        assert_eq!(ours[0].row(0).f64("_value"), Some(1.5));
        let records = theirs
            .query_raw(Some(influxdb2::models::Query::new(text)))
            .await
            .unwrap();
        assert_eq!(records.len(), 1);
        assert!(format!("{:?}", records[0].values["_value"]).contains("1.5"));
    });
}
