//! The reference page is made from the configuration.

use std::path::PathBuf;

use watchpost_archive::config::ArchiveConfig;
use watchpost_service::config::reference;

#[test]
fn the_reference_page_is_current() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration/archive.md");
    let page = reference::markdown::<ArchiveConfig>();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &page).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/configuration/archive.md is not current; run with UPDATE_EXPECT=1"
    );
}
