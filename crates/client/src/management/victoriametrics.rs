//! The flags that a VictoriaMetrics was started with.

use std::collections::BTreeMap;

use crate::Result;
use crate::client::{Client, Request};

impl Client {
    /// The flags of the server behind the address, by name: `retentionPeriod` is `1y`. Secret ones are
    /// masked by the server.
    pub async fn flags(&self) -> Result<BTreeMap<String, String>> {
        let request = Request {
            path: "flags",
            ..Request::default()
        };
        let response = self.send_ok(&request).await?;
        let bytes = self.read(response, self.config().answer_limit).await?;
        Ok(read(&String::from_utf8_lossy(&bytes)))
    }
}

/// A line each: `-retentionPeriod="1y"`.
fn read(text: &str) -> BTreeMap<String, String> {
    let flag = |line: &str| {
        let (name, value) = line.trim().strip_prefix('-')?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    };
    text.lines().filter_map(flag).collect()
}
