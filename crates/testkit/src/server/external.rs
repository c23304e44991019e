//! A server that the environment names, and an organization of each test's own on it.

use serde_json::{Value, json};

use super::BUCKET;
use super::request::{Request, send};

/// An organization that a test made; it goes with the value.
#[derive(Debug)]
pub(super) struct OwnOrg {
    pub(super) name: String,
    url: String,
    token: String,
    id: String,
}

impl OwnOrg {
    /// `None` where the token may not make organizations, or the server is reached by https: then
    /// the tests share the organization that the environment names.
    pub(super) fn make(url: &str, token: &str) -> Option<OwnOrg> {
        let name = format!("watchpost-test-{:016x}", fastrand::u64(..));
        let made = post(url, token, "/api/v2/orgs", &json!({ "name": name }))?;
        let id = made["id"].as_str()?.to_owned();
        let org = OwnOrg {
            name,
            url: url.to_owned(),
            token: token.to_owned(),
            id,
        };
        let bucket = json!({ "orgID": org.id, "name": BUCKET, "retentionRules": [] });
        post(url, token, "/api/v2/buckets", &bucket)?;
        Some(org)
    }
}

impl Drop for OwnOrg {
    fn drop(&mut self) {
        let path = format!("/api/v2/orgs/{}", self.id);
        send(&Request {
            method: "DELETE",
            url: &self.url,
            path: &path,
            token: &self.token,
            body: "",
        });
    }
}

/// What was made, if it was.
fn post(url: &str, token: &str, path: &str, body: &Value) -> Option<Value> {
    let body = body.to_string();
    let request = Request {
        method: "POST",
        url,
        path,
        token,
        body: &body,
    };
    let (status, answer) = send(&request)?;
    (status == 201)
        .then(|| serde_json::from_str(&answer).ok())
        .flatten()
}
