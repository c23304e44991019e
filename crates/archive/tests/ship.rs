//! A server that writes, seals and merges is followed into a store that fails; what was shipped comes back, all of it and
//! nothing else.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use watchpost_archive::envelope::{Identities, Recipients};
use watchpost_archive::layout::{ChainId, Stamp, Writer};
use watchpost_archive::restore::{self, Options};
use watchpost_archive::retention::Keep;
use watchpost_archive::ship::chain::{Chain, Step};
use watchpost_archive::ship::prune::prune;
use watchpost_archive::ship::snapshot::{Known, Taken};
use watchpost_archive::ship::{Shipper, Source, fence};
use watchpost_archive::vault::Vault;
use watchpost_archive::{Error, Result};

use crate::faulty_store::FaultyStore;
use crate::keys::pair;
use crate::server_double::{ServerDouble, records_in};

/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;

pub(crate) fn writer(holder: &str) -> Writer {
    Writer {
        holder: holder.to_owned(),
        host: format!("host of {holder}"),
        since: "2026-11-30T10:00:00Z".to_owned(),
    }
}

/// One process that follows a server.
pub(crate) struct Follower {
    pub(crate) shipper: Shipper<ServerDouble>,
    pub(crate) chain: Chain,
    known: Known,
    chains: u64,
    /// Whether a snapshot of the chain is in the store: before that nothing of it can be restored.
    is_published: bool,
    _spool: tempfile::TempDir,
}

impl Follower {
    /// Claims the prefix, and publishes a first snapshot.
    pub(crate) async fn start(
        server: &ServerDouble,
        vault: Vault,
        recipients: &Recipients,
        holder: &str,
    ) -> Result<Follower> {
        let spool = watchpost_testkit::temp_folder();
        let claim = fence::claim(&vault, "0123", &writer(holder), false).await?;
        let shipper = Shipper {
            source: Arc::new(server.clone()),
            vault,
            recipients: recipients.clone(),
            platform: "0123".to_owned(),
            claim,
            snapshots: AtomicU64::new(0),
            spool: spool.path().to_owned(),
        };
        let known = Known::read(&shipper.vault).await?;
        let mut follower = Follower {
            chain: Chain::begin(
                ChainId {
                    writer: 0,
                    number: 0,
                },
                server.snapshot().await?.log,
            ),
            shipper,
            known,
            chains: 0,
            is_published: false,
            _spool: spool,
        };
        follower.begin_chain().await?;
        Ok(follower)
    }

    /// Begins a chain with a snapshot.
    async fn begin_chain(&mut self) -> Result<()> {
        self.is_published = false;
        let list = self.shipper.source.snapshot().await?;
        let id = ChainId {
            writer: self.shipper.claim.number,
            number: self.chains,
        };
        self.chains += 1;
        self.chain = Chain::begin(id, list.log);
        let taken = self.shipper.publish(&list, id, 0, &mut self.known).await?;
        assert!(matches!(taken, Taken::Published { .. }), "{taken:?}");
        self.is_published = true;
        Ok(())
    }

    pub(crate) async fn snapshot(&mut self) -> Result<Taken> {
        let before = self.chain.next_sequence();
        let list = self.shipper.source.snapshot().await?;
        let first = self.chain.first_part(list.log, before);
        self.shipper
            .publish(&list, self.chain.id, first, &mut self.known)
            .await
    }

    /// Ships until all is in the store; gives the server's records then.
    pub(crate) async fn catch_up(&mut self) -> Result<u64> {
        loop {
            let records = self.shipper.source.records();
            if !self.is_published {
                self.begin_chain().await?;
            }
            match self.chain.step(&self.shipper, true).await? {
                Step::Shipped(part) if part.is_whole => return Ok(records),
                Step::Shipped(_) => {}
                Step::Nothing(_) => return Ok(records),
                Step::Lost => {
                    self.begin_chain().await?;
                    return Ok(records);
                }
            }
        }
    }
}

pub(crate) async fn restored(
    vault: &Vault,
    identities: &Identities,
    at: Option<Stamp>,
) -> Result<u64> {
    let plan = restore::plan(vault, identities, at, false).await?;
    let mut backup = Vec::new();
    let options = Options::default();
    restore::write(vault, identities, &plan, &options, &mut backup, &|_| {}).await?;
    Ok(records_in(&backup))
}

#[tokio::test]
async fn every_moment_comes_back_as_it_was() {
    let (identities, recipients) = pair();
    let store = FaultyStore::new(1);
    let server = ServerDouble::default();
    server.write(5);
    let mut follower = Follower::start(&server, store.vault(), &recipients, "a")
        .await
        .expect("starts");
    let mut moments = vec![(0, 5)];
    for second in 1..60 {
        server.set_clock(second * SECOND);
        server.write(second as u64 % 9 + 1);
        match second % 10 {
            3 => server.seal(),
            6 => server.merge(),
            8 => assert!(matches!(
                follower.snapshot().await,
                Ok(Taken::Published { .. })
            )),
            _ => {}
        }
        moments.push((second, follower.catch_up().await.expect("shipped")));
    }
    for (second, records) in moments {
        let at = Some(Stamp(second * 1_000));
        let found = restored(&store.vault(), &identities, at).await;
        assert_eq!(found.expect("restored"), records, "second {second}");
    }
    let early = restored(&store.vault(), &identities, Some(Stamp(-1))).await;
    assert!(matches!(early, Err(Error::Nothing(_))), "{early:?}");
    assert_eq!(
        restore::check(&store.vault(), &|_| {})
            .await
            .expect("checked"),
        Vec::<String>::new()
    );
}

/// Does something until the store lets it.
macro_rules! insist {
    ($work:expr) => {
        loop {
            match $work.await {
                Err(Error::Store { .. }) => {}
                done => break done,
            }
        }
    };
}

#[tokio::test]
async fn nothing_that_was_shipped_is_lost_in_a_store_that_fails_and_processes_that_die() {
    let (identities, recipients) = pair();
    for seed in 0..seeds() {
        let store = FaultyStore::new(seed);
        let server = ServerDouble::default();
        let mut random = fastrand::Rng::with_seed(seed);
        let mut follower = Follower::start(&server, store.vault(), &recipients, "a")
            .await
            .expect("starts");
        store.set(|plan| (plan.before, plan.after) = (60, 60));
        for step in 0..60 {
            server.set_clock(step * SECOND);
            server.write(random.u64(1..20));
            match random.u32(..12) {
                0 | 1 => server.seal(),
                2 => server.merge(),
                3 => drop(follower.snapshot().await),
                // The process dies with what it knew; another one begins.
                4 => {
                    drop(follower);
                    follower = insist!(Follower::start(&server, store.vault(), &recipients, "a"))
                        .expect("starts");
                }
                // The store is away longer than the server keeps its log.
                5 => {
                    for _ in 0..6 {
                        server.write(3);
                        server.seal();
                    }
                }
                _ => {}
            }
            let shipped = insist!(follower.catch_up()).expect("shipped");
            if step % 4 != 3 {
                continue;
            }
            let found = insist!(restored(&store.vault(), &identities, None)).expect("restored");
            assert!(
                (shipped..=server.records()).contains(&found),
                "seed {seed}, step {step}: {shipped} shipped, {found} restored"
            );
        }
    }
}

/// Sequences of faults; `WATCHPOST_ARCHIVE_SEEDS` asks for more.
fn seeds() -> u64 {
    let asked = std::env::var("WATCHPOST_ARCHIVE_SEEDS");
    asked.ok().and_then(|it| it.parse().ok()).unwrap_or(6)
}

#[tokio::test]
async fn what_is_there_is_not_sent_again() {
    let (_, recipients) = pair();
    let store = FaultyStore::new(1);
    let server = ServerDouble::default();
    for _ in 0..5 {
        server.write(100);
        server.seal();
    }
    let mut follower = Follower::start(&server, store.vault(), &recipients, "a")
        .await
        .expect("starts");
    assert_eq!(follower.known.count(), 5);
    server.write(1);
    let Ok(Taken::Published { sent, .. }) = follower.snapshot().await else {
        panic!("published");
    };
    assert!(
        (1..1_000).contains(&sent),
        "one record and its envelope: {sent} bytes"
    );
    // A snapshot that was broken off: its segments are taken up by the next process.
    server.write(100);
    server.seal();
    store.set(|plan| plan.full = true);
    assert!(matches!(
        follower.snapshot().await,
        Err(Error::Store { .. })
    ));
    store.set(|plan| plan.full = false);
    drop(follower);
    let mut follower = Follower::start(&server, store.vault(), &recipients, "a")
        .await
        .expect("starts");
    let Ok(Taken::Published { sent, .. }) = follower.snapshot().await else {
        panic!("published");
    };
    assert_eq!(sent, 0, "an idle server has nothing to send");
}

#[tokio::test]
async fn two_on_one_prefix_are_kept_apart() {
    let (identities, recipients) = pair();
    let store = FaultyStore::new(1);
    let server = ServerDouble::default();
    let mut first = Follower::start(&server, store.vault(), &recipients, "a")
        .await
        .expect("starts");
    let second = Follower::start(&server, store.vault(), &recipients, "b").await;
    let Err(error @ Error::Held { .. }) = second else {
        panic!("the second one is let in");
    };
    let said = error.to_string();
    assert!(
        said.contains("host of a") && said.contains("--take-over"),
        "{said}"
    );
    server.write(3);
    let shipped = first.catch_up().await.expect("the first one goes on");

    fence::claim(&store.vault(), "0123", &writer("b"), true)
        .await
        .expect("taken over");
    server.write(3);
    let error = first.catch_up().await.expect_err("fenced");
    assert!(
        error
            .to_string()
            .contains("host of b took s3://test/site/a over"),
        "{error}"
    );
    let error = first.snapshot().await.map(drop);
    assert!(
        matches!(error, Ok(()) | Err(Error::Fenced { .. })),
        "{error:?}"
    );
    assert_eq!(
        restored(&store.vault(), &identities, None)
            .await
            .expect("restored"),
        shipped
    );
}

#[tokio::test]
async fn a_prefix_of_another_platform_or_with_other_things_is_refused() {
    let store = FaultyStore::new(1);
    let vault = store.vault();
    fence::claim(&vault, "0123", &writer("a"), false)
        .await
        .expect("claimed");
    let other = fence::claim(&vault, "4567", &writer("a"), true).await;
    assert!(
        matches!(other, Err(Error::OtherPlatform { .. })),
        "{other:?}"
    );
    let store = FaultyStore::new(1);
    store
        .kept
        .put(&Path::from("site/a/photo.jpg"), "x".into())
        .await
        .expect("put");
    let used = fence::claim(&store.vault(), "0123", &writer("a"), true).await;
    let Err(error @ Error::InUse { .. }) = used else {
        panic!("{used:?}");
    };
    assert!(error.to_string().contains("photo.jpg"), "{error}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_hides_no_copy() {
    let (identities, recipients) = pair();
    let store = FaultyStore::new(1);
    let server = ServerDouble::default();
    server.set_clock(1_000 * SECOND);
    server.write(5);
    let mut follower = Follower::start(&server, store.vault(), &recipients, "a")
        .await
        .expect("starts");
    follower.catch_up().await.expect("shipped");
    server.set_clock(10 * SECOND);
    // The process dies; another chain begins, by the clock before the first one.
    let mut follower = Follower::start(&server, store.vault(), &recipients, "a")
        .await
        .expect("starts");
    server.write(5);
    let shipped = follower.catch_up().await.expect("shipped");
    let found = restored(&store.vault(), &identities, None).await;
    assert_eq!(found.expect("restored"), shipped);
    follower.snapshot().await.expect("published");
    server.write(5);
    let shipped = follower.catch_up().await.expect("shipped");
    let found = restored(&store.vault(), &identities, None).await;
    assert_eq!(found.expect("restored"), shipped);
}

const KEEP_LITTLE: Keep = Keep {
    hourly: 2,
    daily: 0,
    weekly: 0,
    monthly: 0,
    at_most: 0,
    moments: 3_600_000,
};

/// A day of hourly snapshots over a server that merges.
async fn day(store: &FaultyStore, recipients: &Recipients) -> (ServerDouble, Follower) {
    let server = ServerDouble::default();
    server.write(1);
    let mut follower = Follower::start(&server, store.vault(), recipients, "a")
        .await
        .expect("starts");
    for quarter in 1..96 {
        server.set_clock(quarter * 900 * SECOND);
        server.write(10);
        follower.catch_up().await.expect("shipped");
        if quarter % 4 == 0 {
            server.merge();
            follower.snapshot().await.expect("published");
        }
    }
    (server, follower)
}

#[tokio::test]
async fn old_copies_go_and_what_stays_can_be_restored() {
    let (identities, recipients) = pair();
    let store = FaultyStore::new(1);
    let (server, mut follower) = day(&store, &recipients).await;
    let vault = store.vault();
    let before = vault.list("").await.expect("listed").len();
    let pruned = prune(&vault, &KEEP_LITTLE).await.expect("pruned");
    assert!(
        pruned.snapshots > 20 && pruned.segments > 10 && pruned.parts > 50,
        "{pruned:?}"
    );
    assert_eq!(pruned.refusal, None);
    assert!(vault.list("").await.expect("listed").len() < before / 4);
    assert_eq!(
        restored(&vault, &identities, None).await.expect("restored"),
        server.records()
    );
    for quarter in 88..96 {
        let at = Some(Stamp(quarter * 900_000));
        let found = restored(&vault, &identities, at).await.expect("restored");
        assert_eq!(found, 1 + quarter as u64 * 10, "quarter {quarter}");
    }
    follower.known.retain(&pruned.left);
    server.write(5);
    follower.snapshot().await.expect("published");
    assert_eq!(
        restored(&vault, &identities, None).await.expect("restored"),
        server.records()
    );
    assert!(
        restore::check(&vault, &|_| {})
            .await
            .expect("checked")
            .is_empty()
    );
}

#[tokio::test]
async fn a_store_that_forbids_removal_keeps_all_and_the_work_goes_on() {
    let (identities, recipients) = pair();
    let store = FaultyStore::new(1);
    let (server, mut follower) = day(&store, &recipients).await;
    store.set(|plan| plan.locked = true);
    let before = store.vault().list("").await.expect("listed");
    let pruned = prune(&store.vault(), &KEEP_LITTLE).await.expect("no error");
    assert!(pruned.refusal.expect("said").contains("object lock"));
    assert_eq!(store.vault().list("").await.expect("listed"), before);
    server.write(5);
    follower.catch_up().await.expect("shipped");
    assert_eq!(
        restored(&store.vault(), &identities, None)
            .await
            .expect("restored"),
        server.records()
    );
}

#[tokio::test]
async fn what_a_store_could_not_take_is_shipped_when_it_can() {
    let (identities, recipients) = pair();
    let store = FaultyStore::new(1);
    let server = ServerDouble::default();
    server.write(1);
    let mut follower = Follower::start(&server, store.vault(), &recipients, "a")
        .await
        .expect("starts");
    store.set(|plan| plan.away = true);
    for _ in 0..20 {
        server.write(7);
        assert!(matches!(
            follower.catch_up().await,
            Err(Error::Store { .. })
        ));
    }
    store.set(|plan| plan.away = false);
    // What was read before it went away, then the rest.
    follower.catch_up().await.expect("shipped");
    follower.catch_up().await.expect("shipped");
    assert_eq!(
        restored(&store.vault(), &identities, None)
            .await
            .expect("restored"),
        server.records()
    );
}
