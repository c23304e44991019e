//! `self-test`.
use std::process::ExitCode;

use watchpost_service::cli::Output;

use crate::config::AgentConfig;

pub(super) async fn run(_config: AgentConfig, _output: Output) -> ExitCode {
    ExitCode::FAILURE
}
