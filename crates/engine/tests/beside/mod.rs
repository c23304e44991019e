//! InfluxQL and deletes beside another server: random statements over one set of points, asked of both, and what is answered
//! otherwise, by kind. The other is any server of InfluxDB 2's API: its address is in `WATCHPOST_BESIDE_URL`, a token that
//! may do everything in `WATCHPOST_BESIDE_TOKEN`, its organisation in `WATCHPOST_BESIDE_ORG`. Without these nothing is
//! asked. `WATCHPOST_BESIDE_SEED` and `WATCHPOST_BESIDE_COUNT` choose the statements.

mod data;
mod deletes;
mod difference;
mod statements;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::difference::difference;
use crate::deletes::encoded;
use crate::running::{Running, TOKEN};

/// Of a hundred statements so many may be answered otherwise: what docs/influxql.md names.
const DIFFERENT_PERCENT: usize = 2;

/// A server that is asked.
pub(super) struct Server {
    url: String,
    token: String,
    org: String,
    bucket: String,
    client: reqwest::Client,
}

/// Numbers that only look random: the same for each seed.
pub(super) struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below another.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of some.
    pub(super) fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// True so many times of a hundred.
    pub(super) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

impl Server {
    async fn request(&self, method: &str, path: &str, body: String) -> (u16, String) {
        let kind = match path.starts_with("/query") {
            true => "application/x-www-form-urlencoded",
            false => "application/json",
        };
        let answer = self
            .client
            .request(
                method.parse().expect("a method"),
                format!("{}{path}", self.url),
            )
            .header("Authorization", format!("Token {}", self.token))
            .header("Content-Type", kind)
            .body(body)
            .send()
            .await
            .expect("answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("a text"))
    }

    /// Makes a bucket of its own, which version 1 knows by the same name.
    async fn make_bucket(&self) {
        let (_, orgs) = self.request("GET", "/api/v2/orgs", String::new()).await;
        let orgs: Value = serde_json::from_str(&orgs).expect("JSON");
        let orgs = orgs["orgs"].as_array().expect("a list").clone();
        let org = orgs
            .iter()
            .find(|org| org["name"] == self.org.as_str())
            .expect("the organisation");
        let bucket = json!({ "orgID": org["id"], "name": self.bucket, "retentionRules": [] });
        let (status, made) = self
            .request("POST", "/api/v2/buckets", bucket.to_string())
            .await;
        assert_eq!(status, 201, "{made}");
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let mapping = json!({
            "orgID": org["id"],
            "bucketID": made["id"],
            "database": self.bucket,
            "retention_policy": "autogen",
            "default": true,
        });
        let (status, made) = self
            .request("POST", "/api/v2/dbrps", mapping.to_string())
            .await;
        assert_eq!(status, 201, "{made}");
    }

    pub(super) async fn write(&self, lines: &str) {
        let path = format!("/api/v2/write?org={}&bucket={}", self.org, self.bucket);
        let (status, text) = self.request("POST", &path, lines.to_owned()).await;
        assert_eq!(status, 204, "{text}");
    }

    pub(super) async fn ask(&self, statement: &str) -> (u16, Value) {
        let path = format!("/query?db={}", self.bucket);
        let (status, text) = self
            .request("POST", &path, format!("q={}", encoded(statement)))
            .await;
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    pub(super) async fn delete(&self, predicate: &str, start: &str, stop: &str) -> (u16, String) {
        let path = format!("/api/v2/delete?org={}&bucket={}", self.org, self.bucket);
        let body = json!({ "start": start, "stop": stop, "predicate": predicate });
        self.request("POST", &path, body.to_string()).await
    }
}

/// The other server and this one, each with a bucket that holds the points; none: no other is named.
async fn both(what: &str) -> Option<(Server, Server, Running)> {
    let variable = |name: &str| std::env::var(format!("WATCHPOST_BESIDE_{name}"));
    let (Ok(url), Ok(token)) = (variable("URL"), variable("TOKEN")) else {
        eprintln!(
            "skipped: {what}: no server is named (WATCHPOST_BESIDE_URL, WATCHPOST_BESIDE_TOKEN)"
        );
        return None;
    };
    let own = Running::set_up().await;
    let bucket = format!("beside-{}-{what}", std::process::id());
    let server = |url: String, token: String, org: String| Server {
        url,
        token,
        org,
        bucket: bucket.clone(),
        client: own.client.clone(),
    };
    let theirs = server(url, token, variable("ORG").unwrap_or("myorg".to_owned()));
    let ours = server(own.url.clone(), TOKEN.to_owned(), "myorg".to_owned());
    for server in [&theirs, &ours] {
        server.make_bucket().await;
        server.write(&data::lines()).await;
    }
    Some((theirs, ours, own))
}

fn number(name: &str, default: usize) -> usize {
    let given = std::env::var(format!("WATCHPOST_BESIDE_{name}"));
    given
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_answered_as_beside() {
    let Some((theirs, ours, _own)) = both("statements").await else {
        return;
    };
    let (seed, count) = (number("SEED", 1), number("COUNT", 1_600));
    let mut dice = Dice(seed as u64);
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..count {
        let (kind, statement) = statements::statement(&mut dice);
        let (expected, given) = (theirs.ask(&statement).await, ours.ask(&statement).await);
        if let Some(what) = difference(&expected, &given) {
            let shown = format!(
                "{statement}\n    beside {}\n    here   {}",
                expected.1, given.1
            );
            kinds
                .entry(format!("{kind}: {what}"))
                .or_default()
                .push(shown);
        }
    }
    let total: usize = kinds.values().map(Vec::len).sum();
    for (kind, found) in &kinds {
        println!("{} × {kind}", found.len());
        found.iter().take(2).for_each(|one| println!("  {one}"));
    }
    println!("{total} of {count} statements are answered otherwise (seed {seed})");
    assert!(
        total * 100 <= count * DIFFERENT_PERCENT,
        "{total} of {count}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_leave_what_they_leave_beside() {
    let Some((theirs, ours, _own)) = both("deletes").await else {
        return;
    };
    let (seed, count) = (number("SEED", 1), number("DELETES", 300));
    let mut dice = Dice(seed as u64);
    let mut different = Vec::new();
    for _ in 0..count {
        let (predicate, start, stop) = deletes::delete(&mut dice);
        let expected = theirs.delete(&predicate, start, stop).await;
        let given = ours.delete(&predicate, start, stop).await;
        let left = "SELECT * FROM /.*/ GROUP BY *";
        let (after, here) = (theirs.ask(left).await, ours.ask(left).await);
        if expected.0 != given.0 || difference(&after, &here).is_some() {
            different.push(format!(
                "{predicate:?} {start} {stop}: beside {expected:?}, here {given:?}"
            ));
        }
        for server in [&theirs, &ours] {
            server.write(&data::lines()).await;
        }
    }
    different.iter().for_each(|one| println!("{one}"));
    println!(
        "{} of {count} deletes end otherwise (seed {seed})",
        different.len()
    );
    assert!(different.is_empty());
}
