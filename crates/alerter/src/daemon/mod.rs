//! The running alerter: one loop owns rules, states and messages; queries and deliveries are tasks
//! around it, so that neither a slow database nor a slow receiver holds up anything else.

mod configuration;
mod dead_letters;
mod desk;
mod heartbeat;
mod reload;
mod round;
mod telemetry;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_service::cli::Started;
use watchpost_service::http::Readiness;
use watchpost_service::metrics::Registry;
use watchpost_service::service_manager;
use watchpost_service::shutdown::{DRAIN_LIMIT, Shutdown};

use crate::alert::{Nanos, SECOND};
use crate::alerting::Alerting;
use crate::clock::{booted_at, now};
use crate::config::{AlerterConfig, RulesConfig};
use crate::evaluation::Answer;
use crate::pipeline::delivery::{Delivery, Failure};
use crate::receivers::{self, Delivered, PartlyTaken, PostedMessages, SeriesHistory, Surroundings};
use crate::rule_file::RuleFile;
use crate::store::documents::Documents;
use crate::store::{Batch, Store};
use crate::trouble::Component;
use crate::{api, rule_files};
pub use desk::{Desk, DeskClosed, FileState};
pub use reload::Reloads;
use telemetry::Meters;

/// Requests that wait for the loop; the API answers 503 beyond.
const DESK_QUEUE: usize = 256;
/// Longest sleep: a clock that was set is noticed within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The loop turns at least once in [`LONGEST_SLEEP`]. After so long without a turn the machine slept, or
/// its clock was set.
const STALL: Nanos = 60 * SECOND;
/// Batches kept while the store cannot be written; then the oldest go.
const UNWRITTEN_LIMIT: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Every mistake with its file, line and column.
    #[error("{0}")]
    RuleFile(String),
    #[error("client of the server: {0}")]
    Client(#[from] watchpost_client::Error),
    #[error("client of the receivers: {0}")]
    Receivers(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What became of a delivery.
struct Sent {
    delivery: Delivery,
    result: Result<Delivered, Failure>,
    took: Duration,
}

struct Daemon {
    alerting: Alerting,
    store: Arc<Store>,
    /// Batches that could not be written yet, oldest first.
    unwritten: Vec<Batch>,
    client: Client,
    surroundings: Surroundings,
    /// Rules whose queries are on the way.
    in_flight: BTreeSet<String>,
    answers: mpsc::UnboundedSender<(Vec<Answer>, Nanos)>,
    sent: mpsc::UnboundedSender<Sent>,
    meters: Meters,
    readiness: Readiness,
    file: FileState,
}

/// What the loop waits for.
struct Inbox {
    requests: mpsc::Receiver<desk::Request>,
    answered: mpsc::UnboundedReceiver<(Vec<Answer>, Nanos)>,
    deliveries: mpsc::UnboundedReceiver<Sent>,
    reloads: mpsc::Receiver<reload::Reply>,
}

/// Runs until the order to stop.
pub async fn run(
    started: Started<AlerterConfig>,
    environment: BTreeMap<String, String>,
    shutdown: Shutdown,
) -> Result<(), DaemonError> {
    let config = started.config;
    let file = read_rule_file(&config.rules)?;
    let store = Arc::new(Store::open(&config.store.folder.join("alerter.redb"))?);
    let mut alerting = Alerting::new(&file, store.snapshot()?, store.lives()?, now());
    alerting.evaluator.restore_watches(store.watches()?);
    forget_unwatched(&mut alerting, &config);
    let registry = Registry::new();
    let readiness = Readiness::waiting_for(&["evaluation"]);
    let client = client(&config)?;
    let posted = PostedMessages::restored(store.posted()?);
    let surroundings = surroundings(&config, environment, &client, posted)?;
    let (answers, answered) = mpsc::unbounded_channel();
    let (sent, deliveries) = mpsc::unbounded_channel();
    let (desk, requests) = Desk::new(DESK_QUEUE);
    let (reloads, asked) = Reloads::new();
    reload::watch(config.rules.clone(), reloads.clone(), &shutdown)?;
    let daemon = Daemon {
        alerting,
        store: Arc::clone(&store),
        unwritten: Vec::new(),
        client,
        surroundings,
        in_flight: BTreeSet::new(),
        answers,
        sent,
        meters: Meters::new(&registry),
        readiness,
        file: FileState::new(config.rules.clone(), file, now()),
    };
    daemon.take_charts();
    let server = daemon.server(&config, desk.clone(), reloads, registry);
    let address = api::serve(&config.api.listen, server, &shutdown).await;
    let address = address
        .map(|address| format!("http://{address}"))
        .unwrap_or_default();
    upload::start(
        &config,
        daemon.client.clone(),
        store,
        desk.clone(),
        &shutdown,
    );
    heartbeat::start(
        &config.heartbeat,
        &daemon.file.content,
        daemon.client.clone(),
        desk,
        &daemon.surroundings,
        &shutdown,
    );
    configuration::watch(started.sources, config.clone(), started.log, &shutdown)?;
    let inbox = Inbox {
        requests,
        answered,
        deliveries,
        reloads: asked,
    };
    tracing::info!(
        address,
        rules = daemon.file.content.rules.len(),
        "the alerter is running"
    );
    daemon.work(inbox, &shutdown).await;
    Ok(())
}

/// Ends the alerts that an earlier process left about what this one does not watch, or will only meet
/// again by chance.
fn forget_unwatched(alerting: &mut Alerting, config: &AlerterConfig) {
    let unwatched = [
        (Component::History, !config.history.enabled),
        (Component::Heartbeat, config.heartbeat.url.is_empty()),
        (Component::DeadLetters, true),
    ];
    for (component, _) in unwatched.into_iter().filter(|(_, unwatched)| *unwatched) {
        alerting.trouble(component, None, now());
    }
}

/// What receivers need besides their settings.
fn surroundings(
    config: &AlerterConfig,
    environment: BTreeMap<String, String>,
    client: &Client,
    posted: PostedMessages,
) -> Result<Surroundings, DaemonError> {
    Ok(Surroundings {
        http: receivers::client(None).map_err(DaemonError::Receivers)?,
        folder: std::path::absolute(&config.store.folder)?,
        environment,
        history: Some(SeriesHistory::new(client.clone())),
        posted,
        partly: PartlyTaken::default(),
        presentation: config.messages.presentation(),
    })
}

/// What the page keeps here. Without it alerts are evaluated and sent all the same.
fn documents(folder: &Path) -> Option<Arc<Documents>> {
    match Documents::open(&folder.join("documents.redb")) {
        Ok(documents) => Some(Arc::new(documents)),
        Err(error) => {
            tracing::error!(%error, "notes, boards and preferences cannot be kept");
            None
        }
    }
}

fn read_rule_file(rules: &RulesConfig) -> Result<RuleFile, DaemonError> {
    rule_files::read(rules).map_err(|mistakes| DaemonError::RuleFile(mistakes.join("\n")))
}

/// The client of the server, from the configuration.
pub fn client(config: &AlerterConfig) -> Result<Client, watchpost_client::Error> {
    let influx = &config.influx;
    let token = match (&influx.token_file, influx.token.is_empty()) {
        (Some(path), _) => TokenSource::file(path),
        (None, false) => TokenSource::fixed(influx.token.reveal()),
        (None, true) => TokenSource::none(),
    };
    let config = ClientConfig {
        timeout: influx.timeout.get(),
        connect_timeout: influx.connect_timeout.get(),
        gzip: influx.gzip,
        ca_file: influx.ca_file.clone(),
        pool_idle_connections: 4,
        ..ClientConfig::new(influx.url.clone(), influx.org.clone(), token)
    }
    .on_server(
        influx.kind.name(),
        &influx.write_url,
        &influx.tenant,
        influx.revealed_headers(),
    );
    Client::new(config)
}

impl Daemon {
    /// What the API needs of it.
    fn server(
        &self,
        config: &AlerterConfig,
        desk: Desk,
        reloads: Reloads,
        registry: Registry,
    ) -> api::Server {
        let history = &config.history;
        // Where Flux does not run, what is shown of the past is the store's.
        let is_asked = history.enabled && self.client.config().kind.runs_flux();
        api::Server {
            desk,
            reloads,
            store: Arc::clone(&self.store),
            documents: documents(&config.store.folder),
            surroundings: self.surroundings.clone(),
            token_file: config.api.token_file.clone(),
            client: self.client.clone(),
            history_bucket: is_asked.then(|| history.bucket.clone()),
            backtests: Arc::new(tokio::sync::Semaphore::new(1)),
            registry,
            readiness: self.readiness.clone(),
        }
    }

    /// The loop, until the order to stop; then the end of what is on the way.
    async fn work(mut self, mut inbox: Inbox, shutdown: &Shutdown) {
        service_manager::ready(shutdown);
        let (mut woken, mut booted) = (now(), booted_at());
        loop {
            let before = std::mem::replace(&mut woken, now());
            if woken < before || woken - before > STALL {
                tracing::warn!(
                    seconds = (woken - before) / SECOND,
                    "the machine slept or its clock was set; every rule is evaluated before anything is sent"
                );
                self.in_flight.clear();
                self.alerting.resume(woken);
                let set_by = clock_set_by(woken - before, &mut booted);
                if set_by.abs() >= STALL {
                    self.alerting.clock_was_set(set_by, woken);
                }
            }
            self.start_round();
            self.dispatch(shutdown).await;
            let sleep = self.until_next();
            tokio::select! {
                () = shutdown.requested() => break,
                Some(request) = inbox.requests.recv() => self.serve(request).await,
                Some((answers, at)) = inbox.answered.recv() => self.take_answers(answers, at),
                Some(sent) = inbox.deliveries.recv() => self.take_sent(&sent),
                Some(reply) = inbox.reloads.recv() => {
                    self.reload();
                    // Whoever asked may have gone.
                    let _ = reply.map(|reply| reply.send(self.file.error.clone()));
                }
                () = tokio::time::sleep(sleep) => {}
            }
        }
        // Messages on the way are waited for; what their receivers took is remembered.
        shutdown.drain(DRAIN_LIMIT).await;
        while let Ok(sent) = inbox.deliveries.try_recv() {
            self.take_sent(&sent);
        }
        self.commit().await;
    }

    /// Charts are drawn of the rules in force.
    fn take_charts(&self) {
        if let Some(history) = &self.surroundings.history {
            history.take_rules(&self.file.content.rules);
        }
    }

    /// How long nothing is due.
    fn until_next(&self) -> Duration {
        let now = now();
        let rules = self.alerting.evaluator.next_due(now);
        let next = rules.into_iter().chain(self.alerting.next_due(now)).min();
        let wait = next.map_or(LONGEST_SLEEP, |at| {
            Duration::from_nanos((at - now).max(0).unsigned_abs())
        });
        wait.min(LONGEST_SLEEP)
    }

    /// Commits what changed, then sends what is due.
    async fn dispatch(&mut self, shutdown: &Shutdown) {
        // True at once of a file without rules: pushed alerts are all it is for.
        if self.alerting.may_dispatch() {
            self.readiness.ready("evaluation");
        }
        let deliveries = self.alerting.tick(now());
        self.commit().await;
        self.meters.observe(&self.alerting);
        for delivery in deliveries {
            let Some(settings) = self.file.content.receivers.get(&delivery.receiver).cloned()
            else {
                let gone = Failure {
                    reason: "the receiver is no longer in the rule file".to_owned(),
                    retry: false,
                    retry_after: None,
                    unanswered: false,
                    unreachable: false,
                };
                let _ = self.sent.send(Sent {
                    delivery,
                    result: Err(gone),
                    took: Duration::ZERO,
                });
                continue;
            };
            let (around, sent) = (self.surroundings.clone(), self.sent.clone());
            shutdown.spawn(async move {
                let start = std::time::Instant::now();
                let result = receivers::send(&settings, &delivery.message, &around).await;
                let _ = sent.send(Sent {
                    delivery,
                    result,
                    took: start.elapsed(),
                });
            });
        }
    }

    fn take_sent(&mut self, sent: &Sent) {
        let Sent {
            delivery,
            result,
            took,
        } = sent;
        self.meters.sent(&delivery.receiver, result.is_ok(), *took);
        match result {
            Ok(Delivered { answer, failed }) => {
                tracing::info!(
                    receiver = delivery.receiver,
                    status = delivery.message.status(),
                    alerts = delivery.message.alerts.len(),
                    reason = %delivery.message.news,
                    "notified"
                );
                if failed.is_empty() {
                    self.alerting.delivered(delivery, answer, now());
                    return;
                }
                let failed = failed.join("; ");
                let receiver = &delivery.receiver;
                tracing::warn!(receiver, failed, "the notification was delivered in part");
                self.alerting
                    .delivered_in_part(delivery, answer, &failed, now());
            }
            Err(failure) => {
                tracing::warn!(
                    receiver = delivery.receiver,
                    attempts = delivery.attempts + 1,
                    retry = failure.retry,
                    reason = failure.reason,
                    "the notification was not delivered"
                );
                let dead = self
                    .alerting
                    .failed(delivery, failure, now(), fastrand::f64());
                for message in dead {
                    let kept = dead_letters::keep(&self.surroundings, &message, &failure.reason);
                    self.alerting
                        .trouble(Component::DeadLetters, kept.err(), now());
                    self.meters.dead(&delivery.receiver);
                }
            }
        }
    }

    async fn serve(&mut self, request: desk::Request) {
        let reply = request(&mut self.alerting, &self.file, now());
        // A change is durable before its answer is given.
        self.commit().await;
        reply();
    }

    async fn commit(&mut self) {
        let mut batch = Batch::collect(&mut self.alerting);
        batch.add_posted(self.surroundings.posted.take_changes());
        if !batch.is_empty() {
            self.unwritten.push(batch);
        }
        if self.unwritten.is_empty() {
            return;
        }
        if self.unwritten.len() > UNWRITTEN_LIMIT {
            self.unwritten.remove(0);
        }
        let (store, batches) = (Arc::clone(&self.store), std::mem::take(&mut self.unwritten));
        let written = tokio::task::spawn_blocking(move || {
            let done = batches.iter().take_while(|batch| {
                store
                    .commit(batch)
                    .inspect_err(|error| tracing::error!(%error, "states were not stored"))
                    .is_ok()
            });
            let done = done.count();
            batches.into_iter().skip(done).collect::<Vec<_>>()
        })
        .await;
        self.unwritten = written.unwrap_or_default();
        let failed = (!self.unwritten.is_empty()).then(|| "states cannot be written".to_owned());
        self.alerting.trouble(Component::Store, failed, now());
    }

    fn reload(&mut self) {
        let at = now();
        match read_rule_file(&self.file.files) {
            Ok(file) => {
                self.alerting.reload(&file, at);
                tracing::info!(
                    rules = file.rules.len(),
                    receivers = file.receivers.len(),
                    "rules, routes, mute windows and receivers were read again"
                );
                self.file.loaded(file, at);
                self.take_charts();
                self.in_flight.clear();
                self.meters.reloaded(true);
            }
            Err(error) => {
                self.file.refused(error.to_string(), at);
                self.meters.reloaded(false);
                tracing::error!(%error, "the changed rule file is not valid; the old rules stay in force");
            }
        }
        self.alerting
            .trouble(Component::RuleFile, self.file.error.clone(), at);
    }
}

/// By how much the clock was set, where it moved by `moved` in one turn: all of it but what the host slept.
/// Where that is not known, only a move back is one of the clock.
fn clock_set_by(moved: Nanos, booted: &mut Option<Nanos>) -> Nanos {
    let before = std::mem::replace(booted, booted_at());
    match (before, *booted) {
        (Some(before), Some(booted)) => booted.saturating_sub(before),
        _ => moved.min(0),
    }
}
