//! Signing in: passwords are tried slowly and apart from everything else, sessions end with what they stood on, and no page
//! of another origin uses them.

use std::sync::Arc;

use base64::Engine as _;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use watchpost_engine::clock::ManualClock;
use watchpost_engine::limits::Limits;

use crate::running::{Running, answered};

fn basic(name: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("Basic {pair}")
}

fn sign_in(server: &Running, name: &str, password: &str) -> RequestBuilder {
    server
        .bare("POST", "/api/v2/signin")
        .header("Authorization", basic(name, password))
}

/// The cookie of a new session of the first user, and the attributes it came with.
async fn session(server: &Running) -> (String, String) {
    let answer = sign_in(server, "admin", "adminpassword").send().await;
    let answer = answer.expect("answers");
    assert_eq!(answer.status(), 204);
    let cookie = answer.headers()["set-cookie"].to_str().expect("a text");
    let (key, attributes) = cookie.split_once(';').expect("attributes");
    (key.to_owned(), attributes.to_owned())
}

async fn status_of(server: &Running, cookie: &str) -> u16 {
    let me = server.bare("GET", "/api/v2/me").header("Cookie", cookie);
    answered(me).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_wrong_passwords_at_once_few_are_looked_at() {
    // A clock that stands: no try comes back meanwhile.
    let clock = Arc::new(ManualClock::at(1_700_000_000_000_000_000));
    let server = Running::with(Limits::default(), clock).await;
    server.perform_setup().await;
    let tries = (0..100).map(|turn| sign_in(&server, "admin", &format!("wrong-{turn}")).send());
    let mut counts = std::collections::BTreeMap::new();
    for answer in futures_util::future::join_all(tries).await {
        let answer = answer.expect("answers");
        if answer.status() == 429 {
            assert!(answer.headers().contains_key("retry-after"));
        }
        *counts.entry(answer.status().as_u16()).or_insert(0) += 1;
    }
    // A machine that is slow to hash refuses some of the five for the queue's sake.
    let looked_at = counts.get(&401).copied().unwrap_or(0);
    assert!((1..=5).contains(&looked_at), "{counts:?}");
    assert_eq!(counts.get(&429), Some(&(100 - looked_at)), "{counts:?}");
}

/// The work is counted, not timed: it is what an answer's time is made of, and it is the same for each name.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_costs_more_for_a_name_that_is_there() {
    let server = Running::set_up().await;
    for (name, status) in [("inactive", "inactive"), ("without", "active")] {
        let user = json!({ "name": name, "status": status });
        let made = server.request("POST", "/api/v2/users").json(&user);
        assert_eq!(made.send().await.expect("answers").status(), 201);
    }
    let mut costs = std::collections::BTreeSet::new();
    for name in [
        "admin", "inactive", "without", "absent", "", "ADMIN", "admin ",
    ] {
        for password in ["wrong-password", ""] {
            let before = server.app.passwords.rounds();
            let answer = sign_in(&server, name, password).send().await;
            assert_eq!(answer.expect("answers").status(), 401, "{name:?}");
            costs.insert(server.app.passwords.rounds() - before);
        }
    }
    assert_eq!(costs.len(), 1, "names show by their cost: {costs:?}");
    assert!(costs.iter().all(|cost| *cost >= 100_000), "{costs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_writes_nor_health_wait_for_passwords() {
    let server = Running::set_up().await;
    // All turns are taken, and more sign-ins wait than there are threads that may block.
    let mut turns = Vec::new();
    while let Ok(Ok(turn)) = tokio::time::timeout(
        std::time::Duration::from_millis(50),
        server.app.passwords.turn(),
    )
    .await
    {
        turns.push(turn);
    }
    let client = server.client.clone();
    let waiting: Vec<_> = (0..600)
        .map(|turn| {
            let request = sign_in(&server, &format!("user{turn}"), "wrong-password");
            tokio::spawn(request.send())
        })
        .collect();
    assert_eq!(server.write("m v=1").await.0, 204);
    assert_eq!(server.json("/health").await["status"], "pass");
    let query = "from(bucket: \"bench\") |> range(start: -1h)";
    assert_eq!(server.query(query).await.0, 200);
    drop((turns, client));
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_with_the_password_and_with_the_user() {
    let server = Running::set_up().await;
    let me = server.json("/api/v2/me").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let (cookie, _) = session(&server).await;
    assert_eq!(status_of(&server, &cookie).await, 200);
    let change = server
        .request("POST", &format!("/api/v2/users/{me}/password"))
        .json(&json!({ "password": "adminpassword" }));
    assert_eq!(answered(change).await.0, 204);
    assert_eq!(
        status_of(&server, &cookie).await,
        401,
        "the password changed"
    );
    let (cookie, _) = session(&server).await;
    for (status, seen) in [("inactive", 401), ("active", 401)] {
        let change = server
            .request("PATCH", &format!("/api/v2/users/{me}"))
            .json(&json!({ "status": status }));
        // The operator's token is the same user's: only the first change is allowed to it.
        let _ = answered(change).await;
        assert_eq!(
            status_of(&server, &cookie).await,
            seen,
            "the user was {status}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_uses_no_cookie() {
    let server = Running::set_up().await;
    let (cookie, attributes) = session(&server).await;
    for expected in ["HttpOnly", "SameSite=Strict"] {
        assert!(attributes.contains(expected), "{attributes}");
    }
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let make = |name: &str, headers: &[(&str, &str)]| {
        let mut request = server
            .bare("POST", "/api/v2/buckets")
            .header("Cookie", &cookie)
            .header("Content-Type", "text/plain")
            .body(json!({ "orgID": org, "name": name }).to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answered(request)
    };
    let others: [&[(&str, &str)]; 5] = [
        &[("Origin", "http://evil.example")],
        &[("Origin", "http://127.0.0.1:9999")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
    ];
    for headers in others {
        let (status, text) = make("stolen", headers).await;
        assert_eq!(status, 403, "{headers:?}: {text}");
    }
    let own = server.url.clone();
    assert_eq!(make("mine", &[("Origin", &own)]).await.0, 201);
    assert_eq!(make("mine too", &[]).await.0, 201);
    // A token is no cookie: whoever has it may use it from any page.
    let by_token = server
        .request("GET", "/api/v2/me")
        .header("Origin", "http://evil.example");
    assert_eq!(answered(by_token).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_https_the_cookie_is_for_https_alone() {
    let server = Running::set_up().await;
    let request = sign_in(&server, "admin", "adminpassword").header("X-Forwarded-Proto", "https");
    let answer = request.send().await.expect("answers");
    let cookie = answer.headers()["set-cookie"].to_str().expect("a text");
    assert!(cookie.contains("; Secure"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_sets_nothing_up() {
    let server = Running::fresh().await;
    let set_up = |origin: &str| {
        let body = json!({
            "username": "admin", "password": "adminpassword", "org": "myorg", "bucket": "bench",
        });
        let request = server.bare("POST", "/api/v2/setup");
        let request = request.header("Content-Type", "text/plain");
        answered(request.header("Origin", origin).body(body.to_string()))
    };
    let (status, text) = set_up("http://evil.example").await;
    assert_eq!(status, 403, "{text}");
    assert_eq!(server.json("/api/v2/setup").await["allowed"], json!(true));
    let own = server.url.clone();
    let (status, text) = set_up(&own).await;
    assert_eq!(status, 201, "{text}");
    assert!(serde_json::from_str::<Value>(&text).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_made_up_makes_no_series() {
    let server = Running::set_up().await;
    for method in ["BREW", "PROPFIND", "AAAA"] {
        let _ = server.request(method, "/health").send().await;
    }
    let (_, metrics) = answered(server.bare("GET", "/metrics")).await;
    assert!(metrics.contains("method=\"other\""), "{metrics}");
    assert!(!metrics.contains("BREW"), "{metrics}");
}
