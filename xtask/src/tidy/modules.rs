//! Each module says why it exists, under a name that says what it holds; tests keep their manners.

use super::sources::{Source, Sources};

/// Names that say nothing and so attract everything.
const BANNED_NAMES: &[&str] = &[
    "utils", "util", "common", "helpers", "helper", "misc", "shared",
];

/// A line with one of these is a complaint, with its reason. (They are split so that this file passes.)
const BANNED_TEXTS: &[(&str, &str)] = &[
    (
        concat!("#[", "ignore"),
        "a test that cannot run here calls testkit::skip with its reason",
    ),
    (
        concat!("#[", "should_panic"),
        "check the error that is returned",
    ),
];

/// Only in tests: what makes them slow or flaky.
const BANNED_IN_TESTS: &[(&str, &str)] = &[(
    concat!("thread::", "sleep("),
    "wait for what you need with testkit's `eventually`",
)];

/// Runs the checks on every file.
pub(crate) fn check(sources: &Sources) -> Vec<String> {
    sources.files.iter().flat_map(check_file).collect()
}

fn check_file(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let path = &source.path;
    if !source
        .text
        .trim_start_matches("#![cfg(test)]\n")
        .starts_with("//!")
    {
        complaints.push(format!(
            "{path}:1: the module must open with `//!` and say why it exists"
        ));
    }
    if let Some(name) = path.split(['/', '.']).find(|it| BANNED_NAMES.contains(it)) {
        complaints.push(format!(
            "{path}: `{name}` says nothing: name it after what it holds"
        ));
    }
    let in_tests: &[(&str, &str)] = if source.is_test() {
        BANNED_IN_TESTS
    } else {
        &[]
    };
    for (index, line) in source.text.lines().enumerate() {
        for (text, instead) in BANNED_TEXTS.iter().chain(in_tests) {
            if line.contains(text) {
                complaints.push(format!("{path}:{}: no `{text}`: {instead}", index + 1));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{Source, check_file};

    fn complaints(path: &str, text: &str) -> usize {
        check_file(&Source {
            path: path.to_owned(),
            text: text.to_owned(),
        })
        .len()
    }

    #[test]
    fn a_good_module_passes_and_each_fault_is_found() {
        assert_eq!(complaints("crates/core/src/point.rs", "//! Points.\n"), 0);
        assert_eq!(complaints("crates/core/src/point.rs", "// Points.\n"), 1);
        assert_eq!(complaints("crates/core/src/utils.rs", "//! Points.\n"), 1);
        let waits = concat!("//! Waits.\nstd::thread::", "sleep(second);\n");
        assert_eq!(complaints("crates/core/src/wait.rs", waits), 0);
        assert_eq!(complaints("crates/core/tests/wait.rs", waits), 1);
    }
}
