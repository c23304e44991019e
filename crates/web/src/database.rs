//! The database as the handlers see it: buckets of the tiers, and queries with limits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use watchpost_client::ask::Limits;
use watchpost_client::query::Query;
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_core::csv::Table;
use watchpost_query::{Answer, Kind, Question};
use watchpost_service::config::InfluxConfig;

use crate::config::WebConfig;
use crate::tier::{Retention, Tier};
use crate::{ApiError, Result};

/// Queries on the way at a time; others wait. A browser's page asks some ten at once.
const QUERIES_AT_ONCE: usize = 8;

/// Rows one query may answer: a thousand hosts with four hundred points.
pub(crate) const ROW_LIMIT: usize = 400_000;

/// Bytes one query may answer.
const BYTE_LIMIT: usize = 64 * 1024 * 1024;

/// Reads with the read-only token.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    client: Client,
    places: Arc<Semaphore>,
    buckets: [String; 3],
    /// The bucket of what the alerter did.
    pub(crate) alerts_bucket: String,
    pub(crate) retention: Retention,
}

impl Database {
    /// Errors: the client cannot be made of this configuration.
    pub(crate) fn new(config: &WebConfig) -> Result<Database> {
        let tiers = &config.tiers;
        let nanos = |length: Duration| i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
        let retention = [
            tiers.raw_retention,
            tiers.hourly_retention,
            tiers.daily_retention,
        ];
        let buckets = [
            &config.influx.bucket,
            &tiers.hourly_bucket,
            &tiers.daily_bucket,
        ];
        Ok(Database {
            client: client(&config.influx, None)?,
            places: Arc::new(Semaphore::new(QUERIES_AT_ONCE)),
            buckets: buckets.map(Clone::clone),
            alerts_bucket: tiers.alerts_bucket.clone(),
            retention: Retention(retention.map(|length| nanos(length.get()))),
        })
    }

    pub(crate) fn bucket(&self, tier: Tier) -> &str {
        &self.buckets[tier as usize]
    }

    /// What stands behind the address.
    pub(crate) fn kind(&self) -> Kind {
        self.client.config().kind
    }

    /// Asks a question.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Answer> {
        let place = self.places.acquire().await;
        let _place = place.map_err(|error| ApiError::Internal(error.to_string()))?;
        let limits = Limits {
            rows: ROW_LIMIT,
            bytes: BYTE_LIMIT,
            timeout: None,
        };
        Ok(self.client.ask(question, &limits).await?)
    }

    /// Sends a query and gives its tables.
    pub(crate) async fn query(&self, text: String) -> Result<Vec<Table>> {
        let place = self.places.acquire().await;
        let _place = place.map_err(|error| ApiError::Internal(error.to_string()))?;
        let query = Query::new(text).row_limit(ROW_LIMIT).byte_limit(BYTE_LIMIT);
        Ok(self.client.query(&query).await?)
    }
}

/// A client of the configured server; `token_file` instead of the section's token.
pub(crate) fn client(
    influx: &InfluxConfig,
    token_file: Option<&std::path::Path>,
) -> Result<Client> {
    let token = match (token_file, &influx.token_file) {
        (Some(path), _) => TokenSource::file(path),
        (None, Some(path)) => TokenSource::file(path),
        (None, None) if influx.token.is_empty() => TokenSource::none(),
        (None, None) => TokenSource::fixed(influx.token.reveal()),
    };
    let config = ClientConfig {
        timeout: influx.timeout.get(),
        connect_timeout: influx.connect_timeout.get(),
        gzip: influx.gzip,
        user_agent: concat!("watchpost-web/", env!("CARGO_PKG_VERSION")).to_owned(),
        pool_idle_connections: QUERIES_AT_ONCE,
        ca_file: influx.ca_file.clone(),
        ..ClientConfig::new(&influx.url, &influx.org, token)
    }
    .on_server(
        influx.kind.name(),
        &influx.write_url,
        &influx.tenant,
        influx.revealed_headers(),
    );
    Ok(Client::new(config)?)
}
