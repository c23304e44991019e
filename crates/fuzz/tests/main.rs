//! A short run of every target: the corpus, and some hundred changed inputs each (a thousand of the quick ones). `cargo xtask fuzz` goes on from there.

use std::process::Command;

/// Inputs for each target beyond its corpus: debug builds are slow.
const INPUTS: &str = "3000";

/// And the longest that a target takes.
const SECONDS: &str = "0.3";

#[test]
fn no_input_passes_a_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_watchpost-fuzz"))
        .args(["--inputs", INPUTS, "--seconds", SECONDS, "--found"])
        .arg(folder.path())
        .output()
        .expect("it starts");
    let (out, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{errors}");
}
