//! Scenarios against a running server: all that was acknowledged is found through Flux, and
//! nothing is left behind.

use watchpost_bench::run::{Subject, run};
use watchpost_bench::scenario::{self, Scenario};
use watchpost_bench::settings::ServerConfig;
use watchpost_bench::target::BUCKET_PREFIX;
use watchpost_client::management::{
    Authorization, Bucket, NewAuthorization, NewBucket, Permission, Resource,
};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_service::secret::Secret;
use watchpost_service::shutdown::Shutdown;
use watchpost_testkit::Server;

fn config(server: &Server) -> ServerConfig {
    ServerConfig {
        url: server.url.clone(),
        org: server.org.clone(),
        token: Secret::new(server.token.clone()),
        ..ServerConfig::default()
    }
}

async fn left_behind(server: &Server) -> Vec<String> {
    let token = TokenSource::fixed(server.token.as_str());
    let client = Client::new(ClientConfig::new(&server.url, &server.org, token));
    let buckets = client.expect("a valid URL").buckets().await;
    let names = buckets.expect("buckets can be listed");
    let names = names.into_iter().map(|bucket| bucket.name);
    names
        .filter(|name| name.starts_with(BUCKET_PREFIX))
        .collect()
}

async fn passes(scenario: &Scenario, server: &Server) {
    let subject = Subject::Server("server".into(), Box::new(config(server)));
    let report = run(scenario, &[subject], 1, &Shutdown::new())
        .await
        .expect("the scenario can run");
    for run in &report.runs {
        assert_eq!(run.problems, Vec::<String>::new(), "{}", scenario.name);
        let found = run.verification.as_ref().expect("it was verified");
        assert_eq!(found.stored, found.expected);
        assert!(found.expected > 0);
    }
}

fn small(name: &str) -> Scenario {
    let mut scenario = scenario::find(name).expect("it comes with the program");
    scenario.write.points = Some(2_000);
    scenario.write.batch_size = 500;
    scenario.data.hosts = 20;
    scenario.data.fields = 6;
    scenario
}

#[tokio::test]
async fn what_is_written_is_found() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    for name in ["write", "concurrent", "churn", "out-of-order"] {
        passes(&small(name), &server).await;
    }
    assert_eq!(left_behind(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_shape_of_query_is_answered() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let mut scenario = small("query");
    let query = scenario.query.as_mut().expect("it has queries");
    query.mix = watchpost_bench::query::shapes()
        .iter()
        .map(|shape| (shape.name.to_owned(), 1))
        .collect();
    query.count = Some(60);
    passes(&scenario, &server).await;
}

#[tokio::test]
async fn a_token_nobody_knows_is_unauthorized() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let server = ServerConfig {
        token: Secret::new("not-a-token"),
        ..config(&server)
    };
    let subject = Subject::Server("server".into(), Box::new(server));
    let report = run(&small("write"), &[subject], 1, &Shutdown::new()).await;
    let report = report.expect("the scenario can run");
    let told = &report.runs[0].problems[0];
    assert!(told.contains("does not know the token"), "{told}");
}

/// A token that may read one bucket and no more, as a careful administrator gives.
async fn token_that_reads(server: &Server, bucket: &str) -> (Client, Authorization, Bucket) {
    let token = TokenSource::fixed(server.token.as_str());
    let client =
        Client::new(ClientConfig::new(&server.url, &server.org, token)).expect("a valid URL");
    let org = client.find_org(&server.org).await.expect("it answers");
    let org_id = org.expect("the organization is there").id;
    let made = client
        .create_bucket(&NewBucket {
            org_id: org_id.clone(),
            name: bucket.into(),
            description: None,
            retention_rules: Vec::new(),
        })
        .await
        .expect("a bucket");
    let reads = Permission {
        action: "read".into(),
        resource: Resource {
            kind: "buckets".into(),
            id: Some(made.id.clone()),
            org_id: Some(org_id.clone()),
            name: None,
        },
    };
    let authorization = NewAuthorization {
        org_id,
        description: "reads".into(),
        permissions: vec![reads],
    };
    let authorization = client.create_authorization(&authorization).await;
    (client, authorization.expect("a token"), made)
}

#[tokio::test]
async fn a_token_that_may_only_read_is_told_so() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let name = format!("read-only-{}", std::process::id());
    let (client, authorization, bucket) = token_that_reads(&server, &name).await;
    for bucket in [None, Some(name.clone())] {
        let reading = ServerConfig {
            token: Secret::new(authorization.token.clone()),
            bucket: bucket.clone(),
            ..config(&server)
        };
        let subject = Subject::Server("server".into(), Box::new(reading));
        let report = run(&small("write"), &[subject], 1, &Shutdown::new()).await;
        let report = report.expect("the scenario can run");
        let told = &report.runs[0].problems[0];
        assert!(told.contains("read-only"), "{bucket:?}: {told}");
    }
    client
        .delete_authorization(&authorization.id)
        .await
        .expect("it goes");
    client.delete_bucket(&bucket.id).await.expect("it goes");
}

/// Five seconds under load with a kill in the middle: whatever was acknowledged is there.
#[tokio::test]
async fn nothing_acknowledged_is_lost_in_a_kill() {
    let Some(engine) = watchpost_testkit::binary("watchpost-engine") else {
        watchpost_testkit::skip("watchpost-engine is not built");
        return;
    };
    let mut scenario = scenario::find("kill").expect("it comes with the program");
    let second = watchpost_service::config::Interval::seconds(1);
    scenario.duration = Some(watchpost_service::config::Interval::seconds(4));
    scenario.write.rate = Some(1_000.0);
    scenario.write.batch_size = 100;
    scenario.data.hosts = 20;
    let fault = scenario.fault.as_mut().expect("it kills");
    (fault.after, fault.down_for, fault.times) = (second, second, 1);
    let subject = Subject::Engine(Some(engine), Box::default());
    let report = run(&scenario, &[subject], 1, &Shutdown::new())
        .await
        .expect("the engine starts");
    let run = &report.runs[0];
    assert_eq!(run.problems, Vec::<String>::new());
    let outage = run.outage.as_ref().expect("it was away");
    assert_eq!(outage.down_seconds.len(), 1);
    assert!(run.verification.as_ref().expect("it was verified").passed());
}

#[tokio::test]
async fn the_scenarios_that_stop_a_server_leave_others_alone() {
    let subject = Subject::Server("server".into(), Box::default());
    let scenario = scenario::find("kill").expect("it comes with the program");
    let refused = run(&scenario, &[subject], 1, &Shutdown::new()).await;
    let error = refused.expect_err("it is not ours to kill");
    assert!(error.to_string().contains("--spawn engine"), "{error}");
}
