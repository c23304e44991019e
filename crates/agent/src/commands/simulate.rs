//! `simulate`.
use std::process::ExitCode;

use crate::cli::SimulateArguments;
use crate::config::AgentConfig;

pub(super) async fn run(_arguments: SimulateArguments, _config: AgentConfig) -> ExitCode {
    ExitCode::FAILURE
}
