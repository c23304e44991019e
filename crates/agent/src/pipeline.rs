//! What runs: the scheduler and one writer per output, made from a configuration, and what of it restarts
//! when the configuration changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use watchpost_client::backoff::Backoff;
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_service::config::InfluxConfig;
use watchpost_service::http::Readiness;
use watchpost_service::shutdown::Shutdown;

use crate::buffer::{Buffer, DiskQueue, Limits, OpenError};
use crate::collectors::assignments;
use crate::config::{AgentConfig, PRIMARY_OUTPUT};
use crate::filter::FilterError;
use crate::metrics::AgentMetrics;
use crate::schedule::{Plan, SINK_BATCHES, Scheduler, Sinks};
use crate::writer::pace::PaceSettings;
use crate::writer::{DeadLetterFile, Journal, Writer, WriterParts, WriterSettings};

/// The parts `/ready` tells of.
pub const READY_WRITING: &str = "writing";
/// Further outputs, together.
pub const READY_FURTHER: &str = "further_outputs";

/// How long the end waits for a collection under way.
const LAST_COLLECTION: Duration = Duration::from_secs(2);

/// Why the agent cannot start, or a changed configuration cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A glob, though the configuration was checked.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A client cannot be made of an output's section.
    #[error("output {name}: {source}")]
    Client {
        /// The output.
        name: String,
        /// What is wrong.
        source: watchpost_client::Error,
    },
    /// The queue folder is another agent's.
    #[error(transparent)]
    Queue(#[from] OpenError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// What comes from outside the configuration.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The name of the host.
    pub host_name: String,
    /// systemd's `$STATE_DIRECTORY`.
    pub state_directory: Option<PathBuf>,
}

/// One output at work.
struct Output {
    influx: InfluxConfig,
    directory: Option<PathBuf>,
    sink: mpsc::Sender<std::sync::Arc<crate::batch::Batch>>,
    settings: watch::Sender<WriterSettings>,
    stop: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

/// The running pipeline.
pub struct Pipeline {
    surroundings: Surroundings,
    metrics: AgentMetrics,
    readiness: Readiness,
    shutdown: Shutdown,
    scheduler: Scheduler,
    outputs: BTreeMap<String, Output>,
}

impl Pipeline {
    /// Starts everything `config` asks for. Must run within a tokio runtime.
    pub fn start(
        config: &AgentConfig,
        surroundings: Surroundings,
        metrics: AgentMetrics,
        readiness: Readiness,
        shutdown: Shutdown,
    ) -> Result<Self, PipelineError> {
        let plan = plan(config, &surroundings, &metrics)?;
        let scheduler =
            Scheduler::start(plan, metrics.clone(), Sinks::new()).map_err(PipelineError::Thread)?;
        let mut pipeline = Self {
            surroundings,
            metrics,
            readiness,
            shutdown,
            scheduler,
            outputs: BTreeMap::new(),
        };
        for (name, influx) in config.outputs() {
            pipeline.start_output(&name, influx, config)?;
        }
        pipeline.connect();
        Ok(pipeline)
    }

    /// Brings what runs in line with a changed configuration: collectors and outputs that did not change
    /// go on undisturbed, buffers included.
    pub async fn apply(&mut self, config: &AgentConfig) -> Result<(), PipelineError> {
        let plan = plan(config, &self.surroundings, &self.metrics)?;
        let wanted: BTreeMap<String, InfluxConfig> = config.outputs().into_iter().collect();
        let directory = self.directory(config);
        for (name, influx) in &wanted {
            client(name, influx)?;
        }
        let changed: Vec<String> = self
            .outputs
            .iter()
            .filter(|(name, output)| {
                wanted.get(*name) != Some(&output.influx) || output.directory != directory
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in changed {
            if let Some(output) = self.outputs.remove(&name) {
                tracing::info!(
                    output = name,
                    "The output stops: its configuration changed."
                );
                output.stop().await;
            }
        }
        for (name, influx) in wanted {
            match self.outputs.get(&name) {
                // It fails only if the writer ended, which shutdown alone does.
                Some(output) => drop(output.settings.send(writer_settings(config))),
                None => self.start_output(&name, influx, config)?,
            }
        }
        self.connect();
        self.scheduler.replace(plan);
        Ok(())
    }

    /// Stops collecting, then lets the writers drain within their bound.
    pub async fn stop(self) {
        let scheduler = self.scheduler;
        // Joining blocks while collectors run into their deadlines.
        let stopped = tokio::task::spawn_blocking(move || scheduler.stop());
        if tokio::time::timeout(LAST_COLLECTION, stopped)
            .await
            .is_err()
        {
            tracing::warn!("The last collection takes too long; its data is left out.");
        }
        for output in self.outputs.values() {
            output.stop.request();
        }
        for output in self.outputs.into_values() {
            output.stop().await;
        }
    }

    fn start_output(
        &mut self,
        name: &str,
        influx: InfluxConfig,
        config: &AgentConfig,
    ) -> Result<(), PipelineError> {
        let client = client(name, &influx)?;
        let settings = writer_settings(config);
        let directory = self.directory(config);
        let disk = open_queue(directory.as_deref(), name, settings.limits.disk)?;
        let dead_letters = directory
            .as_ref()
            .map(|directory| directory.join(format!("dead-letters-{name}.lp")));
        let part = if name == PRIMARY_OUTPUT {
            READY_WRITING
        } else {
            READY_FURTHER
        };
        let (metrics, readiness) = (self.metrics.writing.clone(), self.readiness.clone());
        let writer = Writer::new(
            WriterParts {
                client,
                bucket: influx.bucket.clone(),
                buffer: Buffer::new(settings.limits.clone(), disk),
                journal: Journal::new(
                    name,
                    metrics,
                    readiness,
                    part,
                    DeadLetterFile::new(dead_letters),
                ),
            },
            settings.clone(),
        );
        let (sink, batches) = mpsc::channel(SINK_BATCHES);
        let (sender, receiver) = watch::channel(settings);
        // Not the order to the whole process: the writers stop after the scheduler.
        let stop = Shutdown::new();
        let task = self
            .shutdown
            .spawn(writer.run(batches, receiver, stop.clone()));
        self.outputs.insert(
            name.to_owned(),
            Output {
                influx,
                directory,
                sink,
                settings: sender,
                stop,
                task,
            },
        );
        Ok(())
    }

    fn connect(&self) {
        self.scheduler.redirect(
            self.outputs
                .values()
                .map(|output| output.sink.clone())
                .collect(),
        );
    }

    fn directory(&self, config: &AgentConfig) -> Option<PathBuf> {
        config
            .buffer
            .directory
            .clone()
            .or_else(|| self.surroundings.state_directory.clone())
    }
}

impl Output {
    /// Waits until it drained, which has its bound.
    async fn stop(self) {
        self.stop.request();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "A writer failed.");
        }
    }
}

/// What is to be collected.
pub fn plan(
    config: &AgentConfig,
    surroundings: &Surroundings,
    metrics: &AgentMetrics,
) -> Result<Plan, PipelineError> {
    let interval = config.collect.interval.get();
    Ok(Plan {
        assignments: assignments(&config.collectors, interval, metrics)?,
        tags: config.tags.resolve(&surroundings.host_name),
        host_root: config.collect.host_root.clone(),
        max_series: config.collect.max_series,
        jitter: config.collect.jitter.get(),
    })
}

/// A client for one output.
pub fn client(name: &str, influx: &InfluxConfig) -> Result<Client, PipelineError> {
    let config = ClientConfig {
        url: influx.url.clone(),
        org: influx.org.clone(),
        token: TokenSource::from_parts(influx.token.reveal(), influx.token_file.clone()),
        timeout: influx.timeout.get(),
        connect_timeout: influx.connect_timeout.get(),
        gzip: influx.gzip,
        user_agent: concat!("watchpost-agent/", env!("CARGO_PKG_VERSION")).to_owned(),
        ca_file: influx.ca_file.clone(),
        ..ClientConfig::default()
    }
    .on_server(
        influx.kind.name(),
        &influx.write_url,
        &influx.tenant,
        influx.revealed_headers(),
    );
    Client::new(config).map_err(|source| PipelineError::Client {
        name: name.to_owned(),
        source,
    })
}

fn writer_settings(config: &AgentConfig) -> WriterSettings {
    WriterSettings {
        limits: Limits {
            memory: config.buffer.memory_limit.as_len(),
            disk: config.buffer.disk_limit.get(),
            sync_interval: config.buffer.sync_interval.get(),
            overflow_log: config.buffer.overflow_log.clone(),
        },
        pace: PaceSettings {
            flush_interval: config.write.flush_interval.get(),
            flush_jitter: config.write.flush_jitter.get(),
            backoff: Backoff {
                initial: config.write.backoff_min.get(),
                limit: config.write.backoff_max.get(),
            },
            backlog_rate: config.write.backlog_lines_per_second,
        },
        batch_lines: config.write.batch_lines,
        drain_timeout: config.write.drain_timeout.get(),
    }
}

/// The queue of an output; none if there is no folder for it or it cannot be used, which is told: an agent
/// that cannot buffer on disk still measures. Another agent in the same folder is a mistake and an error.
fn open_queue(
    directory: Option<&Path>,
    name: &str,
    limit: u64,
) -> Result<Option<DiskQueue>, OpenError> {
    let Some(directory) = directory else {
        tracing::warn!(
            output = name,
            "No buffer.directory: what the server does not take is kept in memory alone."
        );
        return Ok(None);
    };
    match DiskQueue::open(&directory.join("queue").join(name), limit) {
        Ok(queue) => {
            if queue.lines() > 0 {
                tracing::info!(
                    output = name,
                    lines = queue.lines(),
                    "The queue on disk holds data from before."
                );
            }
            Ok(Some(queue))
        }
        Err(error @ OpenError::InUse { .. }) => Err(error),
        Err(error) => {
            tracing::error!(output = name, %error, "There is no queue on disk; memory keeps what it can.");
            Ok(None)
        }
    }
}
