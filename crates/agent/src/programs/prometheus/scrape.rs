//! Pages of metrics that programs show: each is fetched within its own time, beside the others.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_client::tls::client_config;
use watchpost_core::point::Point;
use watchpost_service::config::Interval;
use watchpost_service::secret::Secret;

use super::samples::{MEASUREMENT, Samples};
use super::text::Format;
use crate::collectors::checks::{Page, Target, get};
use crate::collectors::{CollectError, Collector, HostFiles, Points};
use crate::programs::Intake;
use crate::programs::asked::{Answer, Asked};

/// Targets at most: each has a thread while it is scraped.
pub const MAX_TARGETS: usize = 20;

/// Bytes of one page: 2,000 samples have some 200 KB. It is in memory while it is read.
const MAX_PAGE: u64 = 4 * 1024 * 1024;

/// In the order that Prometheus itself prefers, without its binary format.
const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// One page that is scraped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TargetConfig {
    /// The page: `http://127.0.0.1:9100/metrics`.
    pub url: String,
    /// File with a token, sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// PEM file with the certificate authorities to trust instead of the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Time for the whole page, 100ms to 30s.
    pub timeout: Interval,
    /// Samples at most. A page with more is left out as a whole, and its `up` is 0, as with Prometheus'
    /// `sample_limit`.
    pub max_samples: usize,
}

impl Default for TargetConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            token_file: None,
            ca_file: None,
            timeout: Interval::seconds(5),
            max_samples: 2_000,
        }
    }
}

/// A target that can be asked.
#[derive(Clone, Debug)]
struct Question {
    target: Target,
    tls: Option<Arc<ClientConfig>>,
    token_file: Option<PathBuf>,
    timeout: Duration,
    max_samples: usize,
}

/// The targets by name.
pub struct Scrape {
    questions: BTreeMap<String, Question>,
    asked: Asked,
    intake: Intake,
}

impl Scrape {
    /// Targets by name. Those whose URL is none are left out; the configuration refuses them.
    pub fn new(targets: &BTreeMap<String, TargetConfig>, intake: Intake) -> Self {
        let mut trusted: BTreeMap<Option<&Path>, Option<Arc<ClientConfig>>> = BTreeMap::new();
        let mut questions = BTreeMap::new();
        for (name, config) in targets {
            let Ok(target) = Target::parse(&config.url) else {
                continue;
            };
            let file = config.ca_file.as_deref();
            let load = || client_config(file).ok().map(Arc::new);
            let tls = match target.is_secured() {
                true => trusted.entry(file).or_insert_with(load).clone(),
                false => None,
            };
            let question = Question {
                target,
                tls,
                token_file: config.token_file.clone(),
                timeout: config.timeout.get(),
                max_samples: config.max_samples,
            };
            questions.insert(name.clone(), question);
        }
        Self {
            questions,
            asked: Asked::new("scrape"),
            intake,
        }
    }
}

/// Fetches one page.
fn scrape(name: &str, question: &Question, at: i64, intake: &Intake) -> Answer {
    let began = Instant::now();
    let instance = question.target.to_string();
    let read = || -> io::Result<Vec<Point>> {
        let page = fetch(question)?;
        let tags = vec![("instance", instance.as_str()), ("job", name)];
        let mut samples = Samples::new(tags, at);
        let format = Format::of(&page.content_type);
        let taken = samples.take(&page.body, format, question.max_samples, intake);
        taken.map_err(io::Error::other)?;
        Ok(samples.into_points())
    };
    let points = read().map_err(|error| error.to_string());
    (points, began.elapsed())
}

fn fetch(question: &Question) -> io::Result<Page> {
    let mut headers = vec![("Accept", ACCEPT.to_owned())];
    if let Some(file) = &question.token_file {
        let token = Secret::from_file(file).map_err(io::Error::other)?;
        headers.push(("Authorization", format!("Bearer {}", token.reveal())));
    }
    let tls = question.tls.clone();
    let page = get(&question.target, tls, &headers, question.timeout, MAX_PAGE)?;
    match page.status {
        200 => Ok(page),
        status => Err(io::Error::other(format!("the status is {status}"))),
    }
}

impl Collector for Scrape {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let timeouts = self.questions.values().map(|question| question.timeout);
        let longest = timeouts.max().unwrap_or_default();
        let jobs = self.questions.iter().map(|(name, question)| {
            let (own, question, intake) = (name.clone(), question.clone(), self.intake.clone());
            let job = move || scrape(&own, &question, at, &intake);
            (name.clone(), job)
        });
        let jobs = jobs.collect();
        for outcome in self.asked.ask(jobs, longest, "no answer in time") {
            let target = outcome.name.as_str();
            match &outcome.points {
                Ok(_) if outcome.is_news => tracing::info!(target, "The target is scraped again."),
                Err(why) if outcome.is_news => {
                    tracing::warn!(target, why, "The target cannot be scraped.");
                }
                _ => {}
            }
            points.push_point(
                Point::new(MEASUREMENT, at)
                    .tag("instance", self.questions[target].target.to_string())
                    .tag("job", target)
                    .field("up", outcome.up())
                    .field("scrape_duration_seconds", outcome.took.as_secs_f64()),
            );
            for point in outcome.points.unwrap_or_default() {
                points.push_point(point);
            }
        }
        Ok(())
    }
}
