//! Requests that queries send: to listed hosts alone, by callers who may, at every redirect, and never longer than the
//! query may run.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use watchpost_engine::app::Settings;
use watchpost_engine::clock::SystemClock;
use watchpost_service::egress::Egress;

use crate::running::{Running, settings};

/// A server whose queries may send requests to these hosts.
async fn allowing(hosts: &[String]) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let hosts = hosts.iter().map(|host| host.parse().expect("a host"));
    let settings = Settings {
        egress: Egress::new(hosts.collect()),
        ..settings(&folder)
    };
    let server = Running::start(folder, settings, Arc::new(SystemClock)).await;
    server.perform_setup().await;
    server
}

/// Something on loopback that answers `hello`, and redirects to where the path says; its `host:port`.
async fn inside() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let to = |axum::extract::Path(to): axum::extract::Path<String>| async move {
        Redirect::temporary(&format!("http://{to}/"))
    };
    let routes = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/to/{to}", get(to));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

fn get_status(url: &str) -> String {
    format!(
        "import \"array\" import \"experimental/http\"\n\
         array.from(rows: [{{ status: http.get(url: \"{url}\").statusCode }}])"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_host_may_be_reached_unless_it_is_listed() {
    let inside = inside().await;
    let server = Running::set_up().await;
    let own = server.url.clone();
    for url in [format!("http://{inside}/"), format!("{own}/health")] {
        let (status, text) = server.query(&get_status(&url)).await;
        assert_eq!(status, 403, "{text}");
        assert!(text.contains("--allow-requests-to"), "{text}");
    }
    // All that is public: nothing of it is inside, however it is spelled.
    let server = allowing(&["*".to_owned(), "*:8086".to_owned()]).await;
    for host in [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "10.0.0.1",
        "169.254.169.254",
        "[64:ff9b::7f00:1]",
        "[fd00::1]",
        "[fe80::1]",
        "[2002:7f00:1::]",
    ] {
        for port in ["", ":8086"] {
            let (status, text) = server
                .query(&get_status(&format!("http://{host}{port}/")))
                .await;
            assert_eq!(status, 403, "{host}: {text}");
            assert!(text.contains("is not public"), "{host}: {text}");
        }
    }
    for url in [
        "file:///etc/passwd",
        "ftp://example.com/",
        "http://",
        "gopher://a",
    ] {
        let (status, text) = server.query(&get_status(url)).await;
        assert_eq!(status, 400, "{url}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_host_is_reached_and_its_redirects_are_checked() {
    let (listed, other) = (inside().await, inside().await);
    let server = allowing(std::slice::from_ref(&listed)).await;
    let (status, text) = server
        .query(&get_status(&format!("http://{listed}/")))
        .await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("200"), "{text}");
    let (status, text) = server
        .query(&get_status(&format!("http://{listed}/to/{listed}")))
        .await;
    assert_eq!(status, 200, "a redirect to a listed host: {text}");
    let (status, text) = server
        .query(&get_status(&format!("http://{listed}/to/{other}")))
        .await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains(&other), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_needs_the_permission_and_a_task_does_not_lend_it() {
    let listed = inside().await;
    let server = allowing(std::slice::from_ref(&listed)).await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let kinds = |kinds: &[(&str, &str)]| -> Vec<Value> {
        let one = |(action, kind): &(&str, &str)| json!({ "action": action, "resource": { "type": kind, "orgID": org } });
        kinds.iter().map(one).collect()
    };
    let reads = server
        .token(
            &org,
            kinds(&[("read", "buckets"), ("write", "tasks"), ("read", "tasks")]),
        )
        .await;
    let may = server
        .token(&org, kinds(&[("read", "buckets"), ("write", "requests")]))
        .await;
    let script = get_status(&format!("http://{listed}/"));
    let (status, text) = server.query_with(&reads, &script).await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("/requests"), "{text}");
    let (status, text) = server.query_with(&may, &script).await;
    assert_eq!(status, 200, "{text}");
    // The task runs as the operator, who may; the token that wrote it may not.
    let flux = script.replace(
        "array.from",
        "option task = {name: \"t\", every: 1h}\narray.from",
    );
    let task = server
        .request_with(&reads, "POST", "/api/v2/tasks")
        .json(&json!({ "orgID": org, "flux": flux }));
    let task: Value = task
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("JSON");
    let task = task["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{task}"))
        .to_owned();
    let run = server
        .request("POST", &format!("/api/v2/tasks/{task}/runs"))
        .send()
        .await
        .expect("answers");
    assert_eq!(run.status(), 201);
    let log = loop {
        let runs = server.json(&format!("/api/v2/tasks/{task}")).await;
        if let Some(error) = runs["lastRunError"].as_str() {
            break error.to_owned();
        }
        assert_ne!(runs["lastRunStatus"], "success", "{runs}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(log.contains("/requests"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_hears_that_its_query_was_killed() {
    // It accepts and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("bound").to_string();
    let server = Arc::new(allowing(std::slice::from_ref(&address)).await);
    let asked = {
        let (server, url) = (Arc::clone(&server), format!("http://{address}/"));
        tokio::spawn(async move { server.query(&get_status(&url)).await })
    };
    let _connection = silent.accept().await.expect("a connection");
    let id = server.json("/api/v2/queries").await["queries"][0]["id"]
        .as_str()
        .expect("it runs")
        .to_owned();
    let killed = server
        .request("DELETE", &format!("/api/v2/queries/{id}"))
        .send()
        .await
        .expect("answers");
    assert_eq!(killed.status(), 204);
    let ended = tokio::time::timeout(Duration::from_secs(10), asked).await;
    let (status, text) = ended.expect("it ended").expect("answers");
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("killed"), "{text}");
    assert_eq!(server.app.queries.counts(), (0, 0));
}
