//! The format on disk: a folder of each layout, kept for ever, must go on opening with the same
//! rows. `testdata/format/README.md` says how they were made.

use std::path::Path;

use watchpost_storage::{Predicate, TimeRange};

use crate::fixture::{BUCKET, all_cells, copy_folder, open, write};

/// The layouts so far, the current one last.
const KEPT: [&str; 2] = ["testdata/format/1", "testdata/format/2"];

/// What the folders hold; each was made by running this once.
fn make(folder: &Path) {
    let storage = open(folder);
    let lines: String = (0..20)
        .map(|row| {
            format!(
                "m,host=a,region=eu f={}.5,i={}i,u={row}u,s=\"text {}\",b={} {row}\n",
                row % 4,
                row * row * 1_000_003 % 977,
                row % 3,
                row % 5 == 0
            )
        })
        .collect();
    write(&storage, &lines);
    write(&storage, "m,host=b f=0.1 -5\nn v=1i 100000000000000");
    storage.seal().unwrap();
    write(
        &storage,
        "m,host=a,region=eu i=7i 3\nn s=\"only in the log\" 4",
    );
    storage
        .delete(BUCKET, TimeRange::new(5, 8), &Predicate::tag("host", "a"))
        .unwrap();
    storage.put_document("settings", b"kept").unwrap();
}

#[test]
fn the_kept_folders_open_with_the_same_rows() {
    let current = Path::new(KEPT[KEPT.len() - 1]);
    if std::env::var_os("UPDATE_EXPECT").is_some() && !current.exists() {
        make(current);
    }
    let fresh = tempfile::tempdir().unwrap();
    make(fresh.path());
    let truth = all_cells(&open(fresh.path()));
    assert_eq!(truth.len(), 17 * 5 + 3);
    let layout = |folder: &Path| std::fs::read_to_string(folder.join("LAYOUT")).unwrap();
    assert_eq!(layout(current), layout(fresh.path()));
    for kept in KEPT {
        let old = tempfile::tempdir().unwrap();
        copy_folder(Path::new(kept), old.path());
        let storage = open(old.path());
        assert_eq!(storage.damages(), [], "{kept}");
        assert_eq!(all_cells(&storage), truth, "{kept}");
        storage.compact().unwrap();
        assert_eq!(all_cells(&storage), truth, "{kept}, compacted");
        assert_eq!(
            storage.document("settings").unwrap().as_deref(),
            Some(b"kept".as_slice())
        );
        assert_eq!(layout(old.path()), layout(fresh.path()), "{kept}");
    }
}
