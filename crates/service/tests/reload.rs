//! Reload: a changed file arrives, an invalid one does not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use watchpost_service::config::{Sources, load};
use watchpost_service::{reload, shutdown::Shutdown};

use crate::sample::Sample;

const POLL: Duration = Duration::from_millis(1);

/// Replaces the file as editors and deployments do: by rename.
fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(&next, path).unwrap();
}

fn watch(path: &Path, shutdown: &Shutdown) -> Receiver<Arc<Sample>> {
    let sources = Sources {
        file: Some(path.to_owned()),
        ..Sources::default()
    };
    let initial = load::<Sample>(&sources).unwrap().config;
    reload::watch(sources, initial, POLL, shutdown).unwrap()
}

#[tokio::test]
async fn a_changed_file_arrives() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("sample.toml");
    replace(&path, "host = 'one'");
    let shutdown = Shutdown::new();
    let mut configs = watch(&path, &shutdown);
    assert_eq!(configs.borrow().host, "one");
    replace(&path, "host = 'another'");
    configs.changed().await.unwrap();
    assert_eq!(configs.borrow_and_update().host, "another");
    shutdown.drain(Duration::from_secs(60)).await;
    assert!(
        configs.changed().await.is_err(),
        "the watch ends with the shutdown"
    );
}

#[tokio::test]
async fn an_invalid_file_changes_nothing() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("sample.toml");
    replace(&path, "host = 'one'");
    let shutdown = Shutdown::new();
    let mut configs = watch(&path, &shutdown);
    replace(&path, "hots = 'no such key'");
    // The next valid file is the first that arrives, whether or not the bad one was looked at.
    replace(&path, "host = 'the third'");
    configs.changed().await.unwrap();
    assert_eq!(configs.borrow_and_update().host, "the third");
}
