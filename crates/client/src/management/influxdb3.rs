//! Databases of InfluxDB 3, and how long each keeps its points.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::ask::Limits;
use crate::client::{Body, Client, Request};
use crate::{Error, Result};

const DATABASES: &str = "api/v3/configure/database";
/// The database that describes the others.
const INTERNAL: &str = "_internal";

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    pub name: String,
    /// Seconds; none keeps them for ever.
    pub retention: Option<u64>,
}

#[derive(Deserialize)]
struct Row {
    database_name: String,
    #[serde(default)]
    retention_period_ns: Option<u64>,
    #[serde(default)]
    deleted: bool,
}

impl Client {
    /// Which build answers `/ping`: `Core`, `Enterprise`; empty if it does not say.
    pub async fn influxdb3_build(&self) -> Result<String> {
        let request = Request {
            path: "ping",
            ..Request::default()
        };
        let response = self.send_ok(&request).await?;
        let build = response.headers().get("x-influxdb-build");
        let build = build.and_then(|value| value.to_str().ok());
        Ok(build.unwrap_or_default().to_owned())
    }

    /// The databases of InfluxDB 3 but for its own.
    pub async fn databases(&self) -> Result<Vec<Database>> {
        let text = "SELECT * FROM system.databases";
        let body = self.sql(INTERNAL, text, &Limits::default()).await?;
        let rows: Vec<Row> = serde_json::from_slice(&body)
            .map_err(|error| Error::Answer(format!("system.databases: {error}")))?;
        let kept = rows.into_iter().filter(|row| !row.deleted);
        let databases = kept
            .filter(|row| row.database_name != INTERNAL)
            .map(|row| Database {
                name: row.database_name,
                retention: row.retention_period_ns.map(|it| it / 1_000_000_000),
            });
        Ok(databases.collect())
    }

    /// Makes a database that keeps its points so many seconds, or for ever.
    pub async fn create_database(&self, name: &str, retention: Option<u64>) -> Result<()> {
        self.configure_database(Method::POST, name, retention).await
    }

    /// Changes how long a database keeps its points.
    pub async fn set_retention(&self, name: &str, retention: Option<u64>) -> Result<()> {
        self.configure_database(Method::PUT, name, retention).await
    }

    async fn configure_database(
        &self,
        method: Method,
        name: &str,
        retention: Option<u64>,
    ) -> Result<()> {
        let mut body = json!({ "db": name });
        if let Some(seconds) = retention {
            body["retention_period"] = json!(format!("{seconds}s"));
        }
        let request = Request {
            method,
            path: DATABASES,
            body: Some(Body::json(&body)?),
            ..Request::default()
        };
        self.done(&request).await
    }
}
