//! Copies that are damaged: refused with what can be had, and that is what comes back.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use watchpost_archive::Error;
use watchpost_archive::layout::Stamp;
use watchpost_archive::restore::plan::moments;
use watchpost_archive::restore::{self, Options};

use crate::faulty_store::FaultyStore;
use crate::keys::pair;
use crate::server_double::{ServerDouble, files};
use crate::ship::{Follower, restored};

const SECOND: i64 = 1_000_000_000;

/// Ten seconds of a server: 10 records before, 10 a second, a part each; a snapshot at the fifth.
async fn store() -> (FaultyStore, watchpost_archive::envelope::Identities) {
    let (identities, recipients) = pair();
    let store = FaultyStore::new(1);
    let server = ServerDouble::default();
    server.write(10);
    let mut follower = Follower::start(&server, store.vault(), &recipients, "a")
        .await
        .expect("starts");
    for second in 1..=10 {
        server.set_clock(second * SECOND);
        server.write(10);
        follower.catch_up().await.expect("shipped");
        if second == 5 {
            follower.snapshot().await.expect("published");
        }
    }
    (store, identities)
}

async fn names(store: &FaultyStore, folder: &str) -> Vec<Path> {
    let prefix = Path::from(format!("site/a/{folder}"));
    let listed = store.kept.list(Some(&prefix)).try_collect::<Vec<_>>().await;
    let mut names: Vec<Path> = listed
        .expect("listed")
        .into_iter()
        .map(|it| it.location)
        .collect();
    names.sort();
    names.retain(|name| name.as_ref().ends_with(".age"));
    names
}

async fn damage(store: &FaultyStore, name: &Path) {
    let object = store
        .kept
        .get(name)
        .await
        .expect("there")
        .bytes()
        .await
        .expect("read");
    let mut bytes = object.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    store
        .kept
        .put(name, Bytes::from(bytes).into())
        .await
        .expect("put");
}

#[tokio::test]
async fn a_part_that_is_damaged_or_missing_ends_what_can_be_had() {
    for is_missing in [false, true] {
        let (store, identities) = store().await;
        let parts = names(&store, "log").await;
        assert_eq!(parts.len(), 10);
        match is_missing {
            true => store.kept.delete(&parts[7]).await.expect("removed"),
            false => damage(&store, &parts[7]).await,
        }
        let error = restored(&store.vault(), &identities, None)
            .await
            .expect_err("damaged");
        let said = error.to_string();
        assert!(said.contains("--at 1970-01-01T00:00:07Z"), "{said}");
        let found = restored(&store.vault(), &identities, Some(Stamp(7_000))).await;
        assert_eq!(found.expect("what was said can be had"), 80);
        if is_missing {
            let found = moments(&store.vault()).await.expect("listed");
            let until: Vec<i64> = found.iter().map(|it| it.until.0).collect();
            assert_eq!(until, [7_000, 7_000], "the gap ends the moments");
        }
        let plan = restore::plan(&store.vault(), &identities, None, true)
            .await
            .expect("planned");
        assert_eq!(plan.moment, Stamp(7_000));
    }
}

#[tokio::test]
async fn a_segment_that_is_damaged_is_named_and_the_rest_comes_back_when_asked() {
    let (store, identities) = store().await;
    let vault = store.vault();
    let segments = names(&store, "segments").await;
    assert_eq!(segments.len(), 2);
    damage(&store, &segments[0]).await;
    store.kept.delete(&segments[1]).await.expect("removed");
    let plan = restore::plan(&vault, &identities, None, false)
        .await
        .expect("planned");
    let mut backup = Vec::new();
    let mut options = Options::default();
    let error = restore::write(&vault, &identities, &plan, &options, &mut backup, &|_| {}).await;
    let error = error.expect_err("damaged");
    let said = error.to_string();
    assert!(
        said.contains("data/00000000000000aa/0_9/0_0.segment")
            && said.contains("--without-damaged"),
        "{said}"
    );
    options.without_damaged = true;
    let mut backup = Vec::new();
    let rest = restore::write(&vault, &identities, &plan, &options, &mut backup, &|_| {}).await;
    let rest = rest.expect("the rest");
    assert_eq!((rest.left_out.len(), rest.segments), (2, 0));
    assert!(files(&backup).keys().any(|name| name.starts_with("log/")));
    let damaged = restore::check(&vault, &|_| {}).await.expect("checked");
    assert!(
        damaged.len() >= 2 && damaged.iter().any(|it| it.contains("missing")),
        "{damaged:?}"
    );
}

#[tokio::test]
async fn a_snapshot_that_is_damaged_points_to_the_one_before() {
    let (store, identities) = store().await;
    let snapshots = names(&store, "snapshots").await;
    damage(&store, &snapshots[1]).await;
    let error = restored(&store.vault(), &identities, None)
        .await
        .expect_err("damaged");
    assert!(
        error.to_string().contains("--at 1970-01-01T00:00:00Z"),
        "{error}"
    );
    damage(&store, &snapshots[0]).await;
    let error = restored(&store.vault(), &identities, Some(Stamp(0)))
        .await
        .expect_err("damaged");
    assert!(error.to_string().contains("no earlier one"), "{error}");
}

#[tokio::test]
async fn another_key_opens_nothing() {
    let (store, _) = store().await;
    let (other, _) = pair();
    let error = restored(&store.vault(), &other, None)
        .await
        .expect_err("another key");
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
}

#[tokio::test]
async fn a_bucket_of_another_bucket_is_not_fetched() {
    let (store, identities) = store().await;
    let vault = store.vault();
    let plan = restore::plan(&vault, &identities, None, false)
        .await
        .expect("planned");
    assert_eq!(plan.segments(Some("00000000000000aa")).count(), 2);
    assert_eq!(plan.segments(Some("00000000000000bb")).count(), 0);
}
