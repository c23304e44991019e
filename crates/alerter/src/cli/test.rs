//! `test FILE…`: plays the timelines of Markdown files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use watchpost_service::cli::Output;

use super::{CommandError, print};
use crate::timeline::document::{self, Verdict};

const EXAMPLE: &str = r#"A file with one case:
  ## one page, then one all-clear
  ```toml
  [[rule]]
  name = "cpu_high"
  kind = "threshold"
  field = "cpu_usage_percent"
  aggregate = "last"
  window = "10s"
  above = { warn = 90 }
  [route]
  receiver = "ops"
  [[receiver]]
  name = "ops"
  kind = "file"
  path = "ops.log"
  ```
  ```timeline
  series cpu_usage_percent{host="web-1"} every 10s: 50 95x3 50x8
  ```
  ```expect
  10s    ops firing {alertname=cpu_high,host=web-1}
         + alertname=cpu_high,host=web-1,severity=warning
  70s    ops resolved {alertname=cpu_high,host=web-1}
         - alertname=cpu_high,host=web-1,severity=warning
  ```
What differs is printed; docs/alerting.md has all events of a timeline."#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct TestArguments {
    /// Markdown files of cases: a `##` heading each, with ```toml (rules), ```timeline and ```expect
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &TestArguments, output: Output) -> Result<ExitCode, CommandError> {
    let mut results = Vec::new();
    let mut text = String::new();
    let mut failed = 0;
    for path in &arguments.files {
        let content = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let cases = document::parse(&content);
        if cases.is_empty() {
            return Err(format!(
                "{}: no case; a case begins with a heading `## name`",
                path.display()
            )
            .into());
        }
        for case in cases {
            let place = format!("{}:{} {}", path.display(), case.line, case.name);
            let (passed, detail) = match document::check(&case) {
                Verdict::Passed => (true, String::new()),
                Verdict::Broken(error) => (false, format!("{error}\n")),
                Verdict::Failed { expected, got } => (false, difference(&expected, &got)),
            };
            failed += usize::from(!passed);
            text.push_str(&format!(
                "{} {place}\n{detail}",
                if passed { "ok    " } else { "FAILED" }
            ));
            results.push(json!({ "file": path, "line": case.line, "case": case.name, "passed": passed, "detail": detail }));
        }
    }
    text.push_str(&format!(
        "{} passed, {failed} failed\n",
        results.len() - failed
    ));
    print(
        output,
        &json!({ "failed": failed, "cases": results }),
        || text,
    );
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Expected lines that did not come (`-`) and lines that came instead (`+`), around the equal ones.
fn difference(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), got.lines().collect());
    let same_start = expected
        .iter()
        .zip(&got)
        .take_while(|(a, b)| a == b)
        .count();
    let (left, right) = (&expected[same_start..], &got[same_start..]);
    let same_end = left
        .iter()
        .rev()
        .zip(right.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let line = |sign: char| move |line: &&str| format!("       {sign} {line}\n");
    let removed = left[..left.len() - same_end].iter().map(line('-'));
    removed
        .chain(right[..right.len() - same_end].iter().map(line('+')))
        .collect()
}
