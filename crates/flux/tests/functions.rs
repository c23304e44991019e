//! A file of cases a function (`testdata/functions/PACKAGE/FUNCTION.md`), their answers recorded from InfluxDB 2.7.12
//! over the data of `testdata/data`; `testdata/functions/README.md` says where ours are different.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use watchpost_flux::stdlib;
use watchpost_testkit::cases;

use crate::golden;

const FOLDER: &str = "testdata/functions";

/// The folder of the functions that need no import.
const UNIVERSE: &str = "universe";

/// All case files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.file_name().is_some_and(|name| name != "README.md") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn every_function_has_its_cases() {
    let wanted: BTreeSet<PathBuf> = stdlib::registry()
        .into_iter()
        .map(|entry| {
            let package = if entry.package.is_empty() {
                UNIVERSE.to_owned()
            } else {
                entry.package
            };
            Path::new(FOLDER)
                .join(package)
                .join(format!("{}.md", entry.name))
        })
        .collect();
    let found: BTreeSet<PathBuf> = files(Path::new(FOLDER)).into_iter().collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&wanted).collect();
    assert!(missing.is_empty(), "functions without cases: {missing:#?}");
    assert!(unknown.is_empty(), "cases of no function: {unknown:#?}");
}

#[test]
fn functions_answer_as_recorded() {
    let source = golden::data().copy(true);
    let mut failed = Vec::new();
    for file in files(Path::new(FOLDER)) {
        // Every file is replayed, also after one that differs: its panic shows where.
        let replay = std::panic::AssertUnwindSafe(|| {
            cases::run(&file, |case| golden::compare(&source, case));
        });
        if std::panic::catch_unwind(replay).is_err() {
            failed.push(file);
        }
    }
    assert!(failed.is_empty(), "functions that differ: {failed:#?}");
}
