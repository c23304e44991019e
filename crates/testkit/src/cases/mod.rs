//! Tests as data: Markdown case files.
//!
//! One file is a suite, one `##` heading a test, and the fenced blocks below it are its input and
//! what is expected. The first word behind the fence is the block's language, the rest its name:
//!
//! ````text
//! # Suite: free text for the reader
//!
//! ## rows without a value are skipped
//!
//! ```lp
//! cpu,host=a usage=1 1
//! ```
//! ```flux
//! from(bucket: "b") |> range(start: 0)
//! ```
//! ```expect
//! (what the test's function returns)
//! ```
//! ````
//!
//! A test may return several outputs; each is compared with the block `expect NAME`. With
//! `UPDATE_EXPECT=1` the expectations are rewritten in place: read them before you commit them.
//! A block that holds backticks is fenced with more of them.

mod document;
mod report;

use std::path::{Path, PathBuf};

pub use document::{Block, Case};

use document::Document;

/// What a test gives back: one output without a name, or several with names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs(Vec<(String, String)>);

impl From<String> for Outputs {
    fn from(text: String) -> Outputs {
        Outputs(vec![(String::new(), text)])
    }
}

impl From<&str> for Outputs {
    fn from(text: &str) -> Outputs {
        Outputs::from(text.to_owned())
    }
}

impl<N: Into<String>, T: Into<String>> From<Vec<(N, T)>> for Outputs {
    fn from(named: Vec<(N, T)>) -> Outputs {
        let owned = |(name, text): (N, T)| (name.into(), text.into());
        Outputs(named.into_iter().map(owned).collect())
    }
}

/// What to do with outputs that are not what the suite expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Fail with a diff.
    Compare,
    /// Rewrite the expectation in the file.
    Update,
}

impl Mode {
    /// [`Mode::Update`] where `UPDATE_EXPECT=1` is set.
    pub fn from_environment() -> Mode {
        match std::env::var_os("UPDATE_EXPECT") {
            Some(value) if value == "1" => Mode::Update,
            _ => Mode::Compare,
        }
    }
}

/// Runs each test of a suite, or of all suites under a folder, and compares what `test` returns
/// with what the file expects. Paths are relative to the crate, where cargo runs its tests.
///
/// # Panics
/// With a diff of all tests that failed; if a suite has no test; if a folder holds a file that is
/// not a suite (it would be forgotten).
pub fn run<R: Into<Outputs>>(path: impl AsRef<Path>, test: impl Fn(&Case) -> R) {
    run_in_mode(Mode::from_environment(), path, test);
}

/// As [`run`], in a mode of the caller's choice.
///
/// # Panics
/// As [`run`].
pub fn run_in_mode<R: Into<Outputs>>(
    mode: Mode,
    path: impl AsRef<Path>,
    test: impl Fn(&Case) -> R,
) {
    run_suites(path.as_ref(), mode, |case| test(case).into());
}

/// Fails if a folder holds suites, or other files, that no test of the crate names: a case file
/// that nobody runs is worse than none. `named` are file names below the folder, `/` between.
///
/// # Panics
/// With the names that are forgotten or missing.
pub fn assert_none_forgotten(folder: impl AsRef<Path>, named: &[&str]) {
    let folder = folder.as_ref();
    let mut wrong = Vec::new();
    let found: Vec<String> = files_below(folder)
        .iter()
        .map(|path| relative(folder, path))
        .collect();
    for name in &found {
        if !named.contains(&name.as_str()) {
            wrong.push(format!("{name} is run by no test"));
        }
    }
    for name in named {
        if !found.iter().any(|file| file == name) {
            wrong.push(format!("{name} is named by a test and does not exist"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}: {}",
        folder.display(),
        wrong.join("; ")
    );
}

fn run_suites(path: &Path, mode: Mode, test: impl Fn(&Case) -> Outputs) {
    let suites = if path.is_dir() {
        files_below(path)
    } else {
        vec![path.to_owned()]
    };
    let mut failures = Vec::new();
    let mut total = 0;
    for suite in &suites {
        let mut document = Document::read(suite);
        total += document.cases.len();
        for case in &mut document.cases {
            let outputs = test(case);
            match mode {
                Mode::Update => case.accept(outputs.0),
                Mode::Compare => failures.extend(report::compare(suite, case, &outputs.0)),
            }
        }
        if mode == Mode::Update {
            document.write_if_changed();
        }
    }
    assert!(
        total > 0,
        "{}: no test found (a test is a ## heading)",
        path.display()
    );
    assert!(
        failures.is_empty(),
        "{} of {total} tests failed (UPDATE_EXPECT=1 accepts what came)\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn relative(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    below.to_string_lossy().replace('\\', "/")
}

/// All files below a folder, sorted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
