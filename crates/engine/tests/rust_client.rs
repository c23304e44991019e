//! The crate `influxdb2`, unmodified: write, query, buckets, tasks, authorizations, delete.

use futures_util::stream;
use influxdb2::Client;
use influxdb2::api::task::CreateTaskRequest;
use influxdb2::models::{DataPoint, PostBucketRequest, Query};

use crate::running::{Running, TOKEN};

async fn values(client: &Client) -> Vec<String> {
    let text = "from(bucket: \"bench\") |> range(start: 0) |> group() |> sort(columns: [\"host\"])";
    let records = client
        .query_raw(Some(Query::new(text.to_owned())))
        .await
        .expect("an answer");
    let shown = records
        .iter()
        .map(|record| format!("{:?}", record.values["host"]));
    shown.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_client_writes_reads_and_manages() {
    let server = Running::set_up().await;
    let client = Client::new(&server.url, "myorg", TOKEN);
    assert!(client.ready().await.expect("an answer"));
    assert!(!client.is_onboarding_allowed().await.expect("an answer"));

    let point = |host: &str, value: f64| {
        let point = DataPoint::builder("m")
            .tag("host", host)
            .field("value", value);
        point
            .timestamp(1_709_251_200_000_000_000)
            .build()
            .expect("a point")
    };
    let points = vec![point("a", 1.5), point("b c", 2.5)];
    client
        .write("bench", stream::iter(points))
        .await
        .expect("written");
    assert_eq!(values(&client).await, ["String(\"a\")", "String(\"b c\")"]);

    let orgs = client
        .list_organizations(Default::default())
        .await
        .expect("a list");
    let org = orgs.orgs[0].id.clone().expect("an id");
    let bucket = PostBucketRequest::new(org.clone(), "other".to_owned());
    client.create_bucket(Some(bucket)).await.expect("made");
    let buckets = client.list_buckets(None).await.expect("a list").buckets;
    let made = buckets
        .iter()
        .find(|bucket| bucket.name == "other")
        .expect("it is there");
    client
        .delete_bucket(made.id.as_deref().expect("an id"))
        .await
        .expect("gone");

    let flux =
        "option task = {name: \"t\", every: 1h}\nfrom(bucket: \"bench\") |> range(start: -1h)";
    let mut task = CreateTaskRequest::new(flux.to_owned());
    task.org_id = Some(org);
    client.create_task(task).await.expect("made");
    let tasks = client
        .list_tasks(Default::default())
        .await
        .expect("a list")
        .tasks;
    assert_eq!(tasks.len(), 1);
    client.delete_task(&tasks[0].id).await.expect("gone");
    let tokens = client
        .list_authorizations(Default::default())
        .await
        .expect("a list");
    assert!(!tokens.authorizations.is_empty());

    let (start, stop) = ("2024-03-01T00:00:00".parse(), "2024-03-02T00:00:00".parse());
    let (start, stop) = (start.expect("a time"), stop.expect("a time"));
    let predicate = Some("host=\"a\"".to_owned());
    client
        .delete("bench", start, stop, predicate)
        .await
        .expect("gone");
    assert_eq!(values(&client).await, ["String(\"b c\")"]);
}
