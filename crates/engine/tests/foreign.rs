//! Identifiers of another organization: on every route that takes one, in the path and in the body, a token that may do
//! everything in its own organization gets nothing of the other, and changes nothing there.

use serde_json::{Value, json};
use watchpost_engine::query::Asker;

use crate::running::{Running, answered};

/// What stands in every name of the other organization.
const MARK: &str = "theirs";

/// Things of an organization, and a token that may do everything in it.
struct Site {
    org: Value,
    token: String,
    things: Vec<(&'static str, String)>,
}

impl Site {
    /// Makes an organization with one thing of each type, all of them named after it.
    async fn with(server: &Running, name: &str) -> Self {
        let org = made(server, "/api/v2/orgs", json!({ "name": name })).await;
        let org = org["id"].clone();
        let kinds = [
            "authorizations",
            "buckets",
            "tasks",
            "telegrafs",
            "variables",
            "secrets",
            "labels",
            "notificationRules",
            "notificationEndpoints",
            "checks",
            "dbrp",
        ];
        let permissions = kinds
            .iter()
            .flat_map(|kind| {
                ["read", "write"].map(|action| json!({ "action": action, "resource": { "type": kind, "orgID": org } }))
            })
            .collect();
        let token = server.token(&org, permissions).await;
        let mut site = Self {
            org,
            token,
            things: Vec::new(),
        };
        site.things.push(("orgs", id_of(&site.org)));
        let label = site.make(server, "labels", json!({ "name": name })).await;
        let bucket = site.make(server, "buckets", json!({ "name": name })).await;
        let flux = format!(
            "option task = {{name: \"{name}\", every: 1h}}\nfrom(bucket: \"{name}\") |> range(start: -1h)"
        );
        site.make(server, "tasks", json!({ "flux": flux })).await;
        let arguments = json!({ "type": "constant", "values": [name] });
        site.make(
            server,
            "variables",
            json!({ "name": name, "arguments": arguments }),
        )
        .await;
        let endpoint = json!({ "name": name, "type": "http", "method": "POST", "authMethod": "none", "url": format!("http://{name}/") });
        let endpoint = site.make(server, "notificationEndpoints", endpoint).await;
        let rule = json!({
            "name": name, "type": "http", "every": "1h", "endpointID": endpoint,
            "statusRules": [{ "currentLevel": "CRIT" }],
        });
        site.make(server, "notificationRules", rule).await;
        let query = format!(
            "from(bucket: \"{name}\") |> range(start: -1h) |> filter(fn: (r) => r._measurement == \"m\" and r._field == \"v\") |> aggregateWindow(every: 1h, fn: mean)"
        );
        let check = json!({
            "name": name, "type": "threshold", "every": "1h", "query": { "text": query }, "statusMessageTemplate": "x",
            "thresholds": [{ "type": "greater", "value": 1.0, "level": "CRIT" }],
        });
        site.make(server, "checks", check).await;
        let dbrp = json!({ "bucketID": bucket, "database": name, "retention_policy": name });
        site.make(server, "dbrps", dbrp).await;
        let permission =
            json!({ "action": "read", "resource": { "type": "buckets", "orgID": site.org } });
        site.make(
            server,
            "authorizations",
            json!({ "description": name, "permissions": [permission] }),
        )
        .await;
        let user = made(
            server,
            "/api/v2/users",
            json!({ "name": format!("user-{name}") }),
        )
        .await;
        site.things.push(("users", id_of(&user["id"])));
        let path = format!("/api/v2/buckets/{bucket}/labels");
        made(server, &path, json!({ "labelID": label })).await;
        site
    }

    async fn make(&mut self, server: &Running, kind: &'static str, mut body: Value) -> String {
        body["orgID"] = self.org.clone();
        let made = made(server, &format!("/api/v2/{kind}"), body).await;
        let id = id_of(made.pointer("/label/id").unwrap_or(&made["id"]));
        self.things.push((kind, id.clone()));
        id
    }

    fn id(&self, kind: &str) -> &str {
        let found = self.things.iter().find(|(of, _)| *of == kind);
        &found.expect("was made").1
    }
}

fn id_of(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

async fn made(server: &Running, path: &str, body: Value) -> Value {
    let (status, text) = answered(server.request("POST", path).json(&body)).await;
    assert_eq!(status, 201, "{path}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Everything the operator sees of an organization, to compare before and after.
async fn seen(server: &Running, site: &Site) -> Vec<Value> {
    let org = id_of(&site.org);
    let mut seen = Vec::new();
    for kind in [
        "buckets",
        "tasks",
        "labels",
        "variables",
        "checks",
        "notificationRules",
        "notificationEndpoints",
        "dbrps",
        "authorizations",
    ] {
        seen.push(
            server
                .json(&format!("/api/v2/{kind}?orgID={org}&limit=100"))
                .await,
        );
    }
    seen.push(server.json(&format!("/api/v2/orgs/{org}/members")).await);
    seen.push(
        server
            .json(&format!("/api/v2/buckets/{}/labels", site.id("buckets")))
            .await,
    );
    seen
}

/// The parts of a path behind the id of a thing, with the methods they have.
const PARTS: &[(&str, &[&str])] = &[
    ("", &["GET", "PATCH", "PUT", "DELETE"]),
    ("/labels", &["GET", "POST"]),
    ("/members", &["GET", "POST"]),
    ("/owners", &["GET", "POST"]),
    ("/query", &["GET"]),
    ("/runs", &["GET", "POST"]),
    ("/logs", &["GET"]),
    ("/secrets", &["GET", "PATCH"]),
    ("/secrets/delete", &["POST"]),
    ("/password", &["POST", "PUT"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_route_takes_an_identifier_of_another_organization() {
    let server = Running::set_up().await;
    let mine = Site::with(&server, "mine").await;
    let theirs = Site::with(&server, MARK).await;
    let before = seen(&server, &theirs).await;
    let mut tried = 0;
    let mut leaks = Vec::new();
    let mut check = |what: String, status: u16, text: &str| {
        tried += 1;
        let is_refused = (400..500).contains(&status);
        if !is_refused || text.contains(MARK) {
            leaks.push(format!("{what}: {status} {text}"));
        }
    };
    // In the path.
    for (kind, id) in &theirs.things {
        for (part, methods) in PARTS {
            for method in *methods {
                let body = json!({
                    "id": mine.id("users"), "labelID": mine.id("labels"), "name": "stolen", "status": "inactive",
                    "password": "stolen-password", "description": "stolen",
                });
                let path = format!("/api/v2/{kind}/{id}{part}?orgID={}", id_of(&theirs.org));
                let request = server.request_with(&mine.token, method, &path).json(&body);
                let (status, text) = answered(request).await;
                check(format!("{method} {path}"), status, &text);
            }
        }
    }
    // Of theirs, beside something of mine in the path or the body.
    let bucket = json!({ "action": "read", "resource": { "type": "buckets", "orgID": mine.org, "id": theirs.id("buckets") } });
    let beside = [
        (
            format!("/api/v2/buckets/{}/labels", mine.id("buckets")),
            json!({ "labelID": theirs.id("labels") }),
        ),
        (
            format!("/api/v2/tasks/{}/labels", mine.id("tasks")),
            json!({ "labelID": theirs.id("labels") }),
        ),
        (
            format!("/api/v2/checks/{}/labels", mine.id("checks")),
            json!({ "labelID": theirs.id("labels") }),
        ),
        (
            format!("/api/v2/buckets/{}/members", mine.id("buckets")),
            json!({ "id": theirs.id("users") }),
        ),
        (
            format!("/api/v2/buckets/{}/owners", mine.id("buckets")),
            json!({ "id": theirs.id("users") }),
        ),
        (
            "/api/v2/dbrps".to_owned(),
            json!({ "orgID": mine.org, "bucketID": theirs.id("buckets"), "database": "d", "retention_policy": "r" }),
        ),
        (
            "/api/v2/notificationRules".to_owned(),
            json!({ "orgID": mine.org, "name": "r", "type": "http", "every": "1h", "endpointID": theirs.id("notificationEndpoints"), "statusRules": [{ "currentLevel": "CRIT" }] }),
        ),
        (
            "/api/v2/authorizations".to_owned(),
            json!({ "orgID": mine.org, "userID": theirs.id("users"), "permissions": [bucket.clone()] }),
        ),
        (
            "/api/v2/tasks".to_owned(),
            json!({ "orgID": theirs.org, "flux": "option task = {name: \"t\", every: 1h}\nfrom(bucket: \"b\")" }),
        ),
        (
            "/api/v2/buckets".to_owned(),
            json!({ "orgID": theirs.org, "name": "b" }),
        ),
        (
            "/api/v2/labels".to_owned(),
            json!({ "orgID": theirs.org, "name": "l" }),
        ),
    ];
    for (path, body) in beside {
        let request = server.request_with(&mine.token, "POST", &path).json(&body);
        let (status, text) = answered(request).await;
        check(format!("POST {path} {body}"), status, &text);
    }
    // A name that stands beside their id in an answer.
    let request = server.request_with(&mine.token, "POST", "/api/v2/authorizations");
    let (_, text) =
        answered(request.json(&json!({ "orgID": mine.org, "permissions": [bucket] }))).await;
    // It may be made; what matters is what it shows.
    check("the name of a bucket".to_owned(), 400, &text);
    for path in [
        format!("/api/v2/write?orgID={}&bucket={MARK}", id_of(&theirs.org)),
        format!("/api/v2/write?org={MARK}&bucketID={}", theirs.id("buckets")),
        format!("/api/v2/delete?org={MARK}&bucket={MARK}"),
        format!("/api/v2/query?org={MARK}"),
    ] {
        let body = match path.contains("query") {
            true => "from(bucket: \"theirs\") |> range(start: 0)".to_owned(),
            false => json!({ "start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z" })
                .to_string(),
        };
        let request = server
            .request_with(&mine.token, "POST", &path)
            .header("Content-Type", "application/vnd.flux");
        let (status, text) = answered(request.body(body)).await;
        // The name that was asked for may come back in the refusal.
        check(format!("POST {path}"), status, &text.replace(MARK, ""));
    }
    assert!(
        leaks.is_empty(),
        "{} of {tried}:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
    assert!(tried > 200, "{tried}");
    assert_eq!(seen(&server, &theirs).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_sees_no_queries_of_the_same_users_other_tokens() {
    let server = Running::set_up().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let read =
        || vec![json!({ "action": "read", "resource": { "type": "buckets", "orgID": org } })];
    let (one, other) = (
        server.token(&org, read()).await,
        server.token(&org, read()).await,
    );
    let state = |token: &str| {
        let state = server.app.meta.read();
        let hash = watchpost_engine::auth::token::TokenHash::of(token);
        let found = state.authorization_by_hash(&hash).expect("is known");
        (found.id, found.user, found.org)
    };
    let (holder, user, org) = state(&one);
    let asker = Asker {
        user,
        holder,
        reads: true,
    };
    let ticket = server
        .app
        .queries
        .enter("from(bucket: \"secret\")", org, asker)
        .await;
    let ticket = ticket.expect("a turn");
    let listed = |token: String| {
        let request = server.request_with(&token, "GET", "/api/v2/queries");
        async move { answered(request).await.1 }
    };
    assert!(listed(one.clone()).await.contains("secret"));
    assert!(!listed(other.clone()).await.contains("secret"));
    let id = server.app.queries.running()[0].id;
    let kill = server.request_with(&other, "DELETE", &format!("/api/v2/queries/{id}"));
    assert_eq!(answered(kill).await.0, 404);
    drop(ticket);
}
