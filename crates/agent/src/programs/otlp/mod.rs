//! OTLP metrics over HTTP (`/v1/metrics`), as protobuf or JSON, plain or gzip: what OpenTelemetry's programs send to a
//! collector on their host.

mod buckets;
mod model;
mod points;
mod protobuf;
mod request;
mod server;

use std::io;
use std::net::SocketAddr;

pub use self::request::{Answer, Received, Requests};
use self::server::Server;
use super::Intake;
use super::inbox::Inbox;
use crate::collectors::{CollectError, Collector, HostFiles, Points};
use crate::filter::Filter;

/// Where requests come in, and what of them is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the listener.
    pub address: SocketAddr,
    /// Names that a request may be for, beside those of loopback.
    pub allowed_hosts: Vec<String>,
    /// Attributes of resources that become tags.
    pub resource_attributes: Filter,
    /// Totals of deltas at most.
    pub max_series: usize,
}

/// Hands on the points of the requests.
pub struct Otlp {
    settings: Settings,
    requests: Requests,
    inbox: Inbox,
    server: Option<Server>,
}

impl Otlp {
    /// Listens at once; where that fails, again at each collection.
    pub fn new(settings: Settings, intake: Intake) -> Self {
        let inbox = Inbox::default();
        let attributes = settings.resource_attributes.clone();
        let mut new = Self {
            requests: Requests::new(attributes, settings.max_series, inbox.clone(), intake),
            settings,
            inbox,
            server: None,
        };
        // Told at the first collection, if it still fails then.
        let _ = new.listen();
        new
    }

    fn listen(&mut self) -> io::Result<()> {
        if self.server.is_none() {
            self.server = Some(Server::start(&self.settings, self.requests.clone())?);
        }
        Ok(())
    }
}

impl Collector for Otlp {
    fn name(&self) -> &'static str {
        "otlp"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        _at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        self.inbox.empty_into(points);
        self.listen().map_err(|error| CollectError::Unavailable {
            why: error.to_string(),
        })
    }
}
