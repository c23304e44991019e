//! `--once`: what the agent would write, on standard output.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use watchpost_service::metrics::Registry;

use crate::clock;
use crate::config::AgentConfig;
use crate::metrics::AgentMetrics;
use crate::pipeline::{Surroundings, plan};
use crate::schedule::Round;

/// Between the two collections: shares of time need a time to be shares of.
const APART: Duration = Duration::from_secs(1);

/// Collects twice and prints the second.
pub(super) fn run(config: &AgentConfig, surroundings: &Surroundings) -> ExitCode {
    let metrics = AgentMetrics::new(&Registry::new());
    let plan = match plan(config, surroundings, &metrics) {
        Ok(plan) => plan,
        Err(error) => return super::fail(&error),
    };
    let mut round = Round::new(plan, metrics, clock::now());
    drop(round.collect_all(clock::now()));
    std::thread::sleep(APART);
    let batch = round.collect_all(clock::now());
    // A reader that has left (`| head`) is no mistake.
    let _ = std::io::stdout().write_all(batch.text().as_bytes());
    if batch.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
