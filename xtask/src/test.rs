//! `cargo xtask test`: tidy, then every test, closing with one honest line of counts.
//!
//! A test that needs something absent (a container engine, a browser) prints `skipped: NAME: WHY`
//! and returns; libtest calls that a pass, so the count is corrected here.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, bail};

const HELP: &str = "\
cargo xtask test [-- ARGUMENTS OF cargo test]

Runs tidy, builds every binary (the integration tests start them), runs every test, and closes with
`N passed, N failed, N skipped` and the reason of each skip.

  cargo xtask test -- -p watchpost-core      only the tests of one crate";

/// Runs everything; the exit code is a failure if tidy or any test failed.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|it| it == "--help" || it == "-h") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let tidy_failed = crate::tidy::run(root, &[])? != ExitCode::SUCCESS;
    build_binaries(root)?;
    let selection: Vec<&str> = match arguments.split_first() {
        None => vec!["--workspace"],
        Some((dashes, rest)) if dashes == "--" => rest.iter().map(String::as_str).collect(),
        Some((other, _)) => bail!("unexpected `{other}`: put arguments for cargo test behind `--`"),
    };
    let mut counts = Counts::default();
    let tests_failed = !run_tests(root, &selection, &mut counts)?;
    counts.failed += usize::from(tidy_failed);
    if tests_failed && counts.failed == 0 {
        counts.failed = 1; // It did not even compile.
    }
    print!("{}", counts.summary());
    Ok(if counts.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn build_binaries(root: &Path) -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--bins"])
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the binaries do not build");
    }
    Ok(())
}

/// True if cargo ended well; what the tests printed is passed on and counted.
fn run_tests(root: &Path, selection: &[&str], counts: &mut Counts) -> Result<bool> {
    let mut child = Command::new(env!("CARGO"))
        .args(["test", "--no-fail-fast"])
        .args(selection)
        .current_dir(root)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo test")?;
    let (sender, lines) = mpsc::channel();
    let readers = [
        child
            .stdout
            .take()
            .map(|pipe| forward(pipe, sender.clone())),
        child
            .stderr
            .take()
            .map(|pipe| forward(pipe, sender.clone())),
    ];
    drop(sender);
    for line in lines {
        counts.read(&line);
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").context("cannot write to the terminal")?;
    }
    for reader in readers.into_iter().flatten() {
        reader.join().ok();
    }
    Ok(child.wait().context("cargo test went away")?.success())
}

fn forward<R: Read + Send + 'static>(
    pipe: R,
    lines: mpsc::Sender<String>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if lines
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
        }
    })
}

/// What libtest's closing lines and our own `skipped:` lines add up to.
#[derive(Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: Vec<String>,
}

impl Counts {
    /// Takes one line of output: `test result: ok. 3 passed; 0 failed; …` or `skipped: NAME: WHY`.
    fn read(&mut self, line: &str) {
        if let Some(reason) = line.trim_start().strip_prefix("skipped: ") {
            self.skipped.push(reason.to_owned());
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (number, what) = (words.next(), words.next());
            let Some(number) = number.and_then(|it| it.parse::<usize>().ok()) else {
                continue;
            };
            match what {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                _ => {}
            }
        }
    }

    fn summary(&self) -> String {
        let mut text = String::from("\n");
        for reason in &self.skipped {
            text += &format!("skipped {reason}\n");
        }
        let passed = self.passed.saturating_sub(self.skipped.len());
        text += &format!(
            "\n{passed} passed, {} failed, {} skipped\n",
            self.failed,
            self.skipped.len()
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn a_skipped_test_is_not_counted_as_passed() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "skipped: browser::live_update: no chromium on this machine",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ] {
            counts.read(line);
        }
        assert_eq!(
            counts.summary(),
            "\nskipped browser::live_update: no chromium on this machine\n\n3 passed, 2 failed, 1 skipped\n"
        );
    }
}
