//! Checks from this host: whether something elsewhere answers, how fast, and how long its certificate holds.

mod ask;
mod certificate;
mod get;
mod target;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_client::tls::client_config;
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_service::config::Interval;

use self::ask::{Answer, Question, ask};
pub use self::get::{Page, get};
pub use self::target::{Target, TargetError};
use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};
use crate::schedule::lane::Lane;

/// Checks at most: each has a thread while it runs.
pub const MAX_CHECKS: usize = 50;

/// Beyond the time of the slowest check.
const MARGIN: Duration = Duration::from_millis(500);

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckConfig {
    /// What is asked: `http://HOST/PATH`, `https://HOST/PATH`, `tcp://HOST:PORT`, `tls://HOST:PORT` (its
    /// certificate), `dns://NAME`, `ping://HOST`.
    pub target: String,
    /// Statuses of a page that are good; empty, 200 to 399.
    pub status: Vec<u16>,
    /// Text that a page must hold.
    pub body: String,
    /// Time from the first step to the last, 100ms to 30s.
    pub timeout: Interval,
    /// PEM file with the certificate authorities to trust instead of the machine's own.
    pub ca_file: Option<PathBuf>,
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            target: String::new(),
            status: Vec::new(),
            body: String::new(),
            timeout: Interval::seconds(5),
            ca_file: None,
        }
    }
}

/// The checks by name.
pub struct Checks {
    questions: BTreeMap<String, Question>,
    lane: Lane<String, Answer>,
    failing: BTreeMap<String, String>,
}

impl Checks {
    /// Checks by name. Those whose target is none are left out; the configuration refuses them.
    pub fn new<'c>(checks: &'c BTreeMap<String, CheckConfig>) -> Self {
        let mut trusted: BTreeMap<Option<&Path>, Option<Arc<ClientConfig>>> = BTreeMap::new();
        let mut tls = |check: &'c CheckConfig, target: &Target| {
            if !target.is_secured() {
                return None;
            }
            let file = check.ca_file.as_deref();
            let load = || client_config(file).ok().map(Arc::new);
            trusted.entry(file).or_insert_with(load).clone()
        };
        let mut question = |check: &'c CheckConfig| {
            let target = Target::parse(&check.target).ok()?;
            Some(Question {
                tls: tls(check, &target),
                target,
                timeout: check.timeout.get(),
                status: check.status.clone(),
                body: check.body.clone(),
            })
        };
        let questions = checks
            .iter()
            .filter_map(|(name, check)| Some((name.clone(), question(check)?)));
        Self {
            questions: questions.collect(),
            lane: Lane::new("check"),
            failing: BTreeMap::new(),
        }
    }

    /// The answers that come in time.
    fn answers(&mut self) -> BTreeMap<String, Answer> {
        let timeouts = self.questions.values().map(|question| question.timeout);
        let longest = timeouts.max().unwrap_or_default();
        let jobs = self.questions.iter().map(|(name, question)| {
            let question = question.clone();
            (name.clone(), move || ask(&question))
        });
        self.lane.run_all(jobs, longest + MARGIN)
    }

    /// Says when a check begins to fail, and when it is good again.
    fn tell(&mut self, check: &str, failure: Option<&str>) {
        let Some(why) = failure else {
            if self.failing.remove(check).is_some() {
                tracing::info!(check, "The check passes again.");
            }
            return;
        };
        let before = self.failing.insert(check.to_owned(), why.to_owned());
        if before.is_none() {
            tracing::warn!(check, why, "The check fails.");
        }
    }
}

fn row(name: &str, answer: &Answer, at: i64) -> Row {
    let microseconds =
        |time: Option<Duration>| time.and_then(|time| u64::try_from(time.as_micros()).ok());
    let left = answer
        .certificate
        .map(|end| u64::try_from(end.saturating_sub(at) / NANOS_PER_SECOND).unwrap_or(0));
    Row::new("check", at)
        .tag("check", name)
        .integer("check_up", u64::from(answer.failure.is_none()))
        .optional_integer("check_time_us", microseconds(answer.total))
        .optional_integer("check_resolve_us", microseconds(answer.resolve))
        .optional_integer("check_connect_us", microseconds(answer.connect))
        .optional_integer("check_status", answer.status.map(u64::from))
        .optional_integer("check_certificate_seconds", left)
}

impl Collector for Checks {
    fn name(&self) -> &'static str {
        "checks"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let mut answers = self.answers();
        for name in self.questions.keys().cloned().collect::<Vec<_>>() {
            let late = || Answer {
                failure: Some("no answer in time".to_owned()),
                ..Answer::default()
            };
            let answer = answers.remove(&name).unwrap_or_else(late);
            self.tell(&name, answer.failure.as_deref());
            points.push(row(&name, &answer, at));
        }
        Ok(())
    }
}
