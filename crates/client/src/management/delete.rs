//! Deleting points.

use reqwest::Method;
use watchpost_core::time::format_rfc3339;

use crate::Result;
use crate::client::{Body, Client, Request};

impl Client {
    /// Deletes the points of a bucket from `start` to `stop` (nanoseconds since 1970) that fit
    /// `predicate`, such as `_measurement="cpu" AND host="a"`; an empty predicate fits all.
    pub async fn delete_points(
        &self,
        bucket: &str,
        start: i64,
        stop: i64,
        predicate: &str,
    ) -> Result<()> {
        let mut body =
            serde_json::json!({ "start": format_rfc3339(start), "stop": format_rfc3339(stop) });
        if !predicate.is_empty() {
            body["predicate"] = predicate.into();
        }
        let query = &[("org", self.org()), ("bucket", Some(bucket))];
        let body = Some(Body::json(&body)?);
        self.done(&Request {
            method: Method::POST,
            path: "api/v2/delete",
            query,
            body,
            ..Request::default()
        })
        .await
    }
}
