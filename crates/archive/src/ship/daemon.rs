//! The daemon: claims the prefix, then follows the server until it is stopped, fenced, or pointed at another one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior};
use watchpost_client::Client;
use watchpost_client::archive::ServerSnapshot;
use watchpost_durable::Disk;
use watchpost_service::cli::Started;
use watchpost_service::http::{self, Readiness, Telemetry};
use watchpost_service::metrics::Registry;
use watchpost_service::service_manager;
use watchpost_service::shutdown::{DRAIN_LIMIT, Shutdown};

use super::chain::{Chain, Step};
use super::points::Points;
use super::prune::prune;
use super::report::Report;
use super::snapshot::{Known, Taken};
use super::{Shipper, Source, fence};
use crate::config::{ArchiveConfig, client};
use crate::error::{Error, Result};
use crate::layout::{ChainId, Stamp, Writer};
use crate::vault::Vault;

/// Between two tries after something was in the way: it grows from the first to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// An idle server's chain shows that it lives. What was acknowledged is never held back for it.
const BEAT: Duration = Duration::from_secs(60);

/// The part that `/ready` names.
const PART: &str = "copies";

/// Follows a server until it is stopped.
///
/// # Errors
/// The prefix is another's, another writer took it over, or the configuration cannot be used.
pub async fn run(
    started: Started<ArchiveConfig>,
    shutdown: Shutdown,
    take_over: bool,
) -> Result<()> {
    let config = started.config;
    let source = client(&config.influx)?;
    let registry = Registry::new();
    let readiness = Readiness::waiting_for(&[PART]);
    let telemetry = Telemetry {
        name: "watchpost-archive",
        version: env!("CARGO_PKG_VERSION"),
        registry: registry.clone(),
        readiness: readiness.clone(),
    };
    http::serve_when_free(&config.telemetry, telemetry, &shutdown).await;
    let report = Arc::new(Report::new(&registry));
    let vault = config.backup.vault(None)?;
    let points = Points {
        client: source.clone(),
        bucket: config.influx.bucket.clone(),
        host: host(),
        vault: vault.clone(),
    };
    shutdown.spawn(points.keep_writing(Arc::clone(&report), shutdown.clone()));
    let follower = Follower {
        config: &config,
        report: &report,
        readiness: &readiness,
    };
    let work = follower.follow(source, vault, &shutdown, take_over);
    let ended = shutdown.unless_requested(work).await.unwrap_or(Ok(()));
    shutdown.drain(DRAIN_LIMIT).await;
    ended
}

/// What the parts of the work share.
struct Follower<'f> {
    config: &'f ArchiveConfig,
    report: &'f Report,
    readiness: &'f Readiness,
}

/// A chain that is being shipped, and whether one of its snapshots is in the store.
struct Shipping<'s> {
    shipper: &'s Shipper<Client>,
    known: &'s Mutex<Known>,
    chain: Mutex<Chain>,
    is_published: AtomicBool,
}

impl Follower<'_> {
    async fn follow(
        &self,
        source: Client,
        vault: Vault,
        shutdown: &Shutdown,
        take_over: bool,
    ) -> Result<()> {
        let disk = Disk::default();
        let folder = &self.config.backup.state_directory;
        disk.create_folder(folder)?;
        let Some(_lock) = disk.lock(&folder.join("LOCK"))? else {
            return Err(Error::Refused(format!(
                "{} is in use by another watchpost-archive; stop that one",
                folder.display()
            )));
        };
        let spool = folder.join("spool");
        disk.remove_folder(&spool)?;
        disk.create_folder(&spool)?;
        let writer = Writer {
            holder: holder(&disk, folder)?,
            host: host(),
            since: Stamp::of_nanoseconds(crate::now()).rfc3339(),
        };
        let platform = self
            .insist(async || source.snapshot().await)
            .await?
            .platform;
        let claim = async || fence::claim(&vault, &platform, &writer, take_over).await;
        let claim = self.insist(claim).await?;
        let known = self.insist(async || Known::read(&vault).await).await?;
        let shipper = Shipper {
            source: Arc::new(source),
            vault,
            recipients: self.config.backup.recipients()?,
            platform,
            claim,
            snapshots: AtomicU64::new(0),
            spool,
        };
        let (to, segments) = (shipper.vault.name(), known.count());
        tracing::info!(to, segments, "following the server");
        service_manager::ready(shutdown);
        let known = Mutex::new(known);
        for number in 0.. {
            self.chain(&shipper, number, &known).await?;
            tracing::warn!(
                "the server sealed a part of its log before it was read: beginning with a new snapshot"
            );
        }
        Ok(())
    }

    /// Tries until it works, or fails for good.
    async fn insist<T>(&self, work: impl AsyncFn() -> Result<T>) -> Result<T> {
        let mut pauses = Pauses::default();
        loop {
            match work().await {
                Ok(done) => return Ok(done),
                Err(error) => self.pause(&mut pauses, error).await?,
            }
        }
    }

    /// One chain, until the server sealed its log away.
    async fn chain(
        &self,
        shipper: &Shipper<Client>,
        number: u64,
        known: &Mutex<Known>,
    ) -> Result<()> {
        let first = self
            .insist(async || shipper.source.snapshot().await)
            .await?;
        let id = ChainId {
            writer: shipper.claim.number,
            number,
        };
        let shipping = Shipping {
            shipper,
            known,
            chain: Mutex::new(Chain::begin(id, first.log)),
            is_published: AtomicBool::new(false),
        };
        tokio::select! {
            ended = self.ship_log(&shipping) => ended,
            ended = self.ship_snapshots(&shipping, first) => ended,
        }
    }

    async fn ship_log(&self, shipping: &Shipping<'_>) -> Result<()> {
        let mut ticks = tokio::time::interval(self.config.backup.every.get());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pauses = Pauses::default();
        let mut shipped_at = Instant::now();
        loop {
            ticks.tick().await;
            let asked = Instant::now();
            let beat = asked.duration_since(shipped_at) >= BEAT;
            let step = shipping
                .chain
                .lock()
                .await
                .step(shipping.shipper, beat)
                .await;
            let is_current = match step {
                Ok(Step::Lost) => return Ok(()),
                Ok(Step::Nothing(_)) => true,
                Ok(Step::Shipped(part)) => {
                    self.report.shipped(&part);
                    shipped_at = asked;
                    if !part.is_whole {
                        ticks.reset_immediately();
                    }
                    part.is_whole
                }
                Err(error) => {
                    self.pause(&mut pauses, error).await?;
                    continue;
                }
            };
            pauses = Pauses::default();
            if is_current && shipping.is_published.load(Ordering::Relaxed) {
                self.report.is_current(asked);
                self.readiness.ready(PART);
            }
        }
    }

    async fn ship_snapshots(&self, shipping: &Shipping<'_>, first: ServerSnapshot) -> Result<()> {
        let mut next = Some((first, 0));
        let mut pauses = Pauses::default();
        loop {
            match self.ship_snapshot(shipping, &mut next).await {
                Ok(true) => {
                    shipping.is_published.store(true, Ordering::Relaxed);
                    pauses = Pauses::default();
                    tokio::time::sleep(self.config.backup.snapshot_every.get()).await;
                }
                Ok(false) => {}
                Err(error) => self.pause(&mut pauses, error).await?,
            }
        }
    }

    /// Publishes one; false if its list had become old, so that another one is due at once. What could not be finished
    /// stays in `next` for the next try.
    async fn ship_snapshot(
        &self,
        shipping: &Shipping<'_>,
        next: &mut Option<(ServerSnapshot, u64)>,
    ) -> Result<bool> {
        let Shipping { shipper, chain, .. } = shipping;
        if next.is_none() {
            let before = chain.lock().await.next_sequence();
            let list = shipper.source.snapshot().await?;
            let first_part = chain.lock().await.first_part(list.log, before);
            *next = Some((list, first_part));
        }
        let Some((list, first_part)) = next else {
            return Ok(false);
        };
        let id = chain.lock().await.id;
        let mut known = shipping.known.lock().await;
        let taken = shipper.publish(list, id, *first_part, &mut known).await?;
        *next = None;
        let Taken::Published { name, sent } = taken else {
            return Ok(false);
        };
        self.report.published(sent);
        tracing::info!(snapshot = %name, bytes = sent, "a snapshot was published");
        let retention = &self.config.retention;
        if retention.remove {
            let pruned = prune(&shipper.vault, &retention.keep()).await?;
            known.retain(&pruned.left);
            if let Some(refusal) = pruned.refusal {
                tracing::warn!(%refusal, "old copies were not removed");
            }
        }
        Ok(true)
    }

    /// Says what is in the way and waits; an error that waiting does not help is given back.
    async fn pause(&self, pauses: &mut Pauses, error: Error) -> Result<()> {
        if !error.is_transient() {
            return Err(error);
        }
        self.report.failed();
        if pauses.0.is_none() {
            tracing::warn!(%error, "tried again until it works");
        }
        self.readiness.not_ready(PART, error.to_string());
        let pause = pauses.0.map_or(PAUSE.0, |last| (last * 2).min(PAUSE.1));
        pauses.0 = Some(pause);
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Pauses that grow while something is in the way: the last one.
#[derive(Debug, Default)]
struct Pauses(Option<Duration>);

/// By what the prefix knows this host again.
fn holder(disk: &Disk, folder: &Path) -> Result<String> {
    let path = folder.join("holder");
    if let Some(known) = watchpost_durable::read_if_present(&path)? {
        return Ok(String::from_utf8_lossy(&known).trim().to_owned());
    }
    let mut random = fastrand::Rng::new();
    let holder = format!("{:032x}", random.u128(..));
    disk.replace(&path, holder.as_bytes())?;
    Ok(holder)
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "a host without a name".to_owned(),
        name => name.to_owned(),
    }
}
