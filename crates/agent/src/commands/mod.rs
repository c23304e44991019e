//! What a user can do, one file a command.

mod enroll;
mod explain;
mod once;
mod run;
mod self_test;
mod simulate;
mod status;

use std::collections::BTreeMap;
use std::future::Future;
use std::process::ExitCode;

use watchpost_service::cli;
use watchpost_service::http::{Readiness, Telemetry};
use watchpost_service::metrics::Registry;
use watchpost_service::ping;

use crate::cli::{Arguments, Command};
use crate::config::AgentConfig;
use crate::pipeline::Surroundings;

/// Threads for calls that block: two to resolve names, and three for each disk that hangs. They start when
/// they are needed and end when they are not, so that a limit far above what ever hangs costs nothing.
const BLOCKING_THREADS: usize = 64;

/// What such calls need, with room to spare.
const BLOCKING_STACK_BYTES: usize = 512 * 1024;

/// Runs what the arguments ask for, in the given environment.
pub fn run(arguments: Arguments, environment: BTreeMap<String, String>) -> ExitCode {
    let surroundings = surroundings(&environment);
    let output = arguments.common.output;
    if let Some(Command::Config(command)) = &arguments.command {
        return cli::answer::<AgentConfig>(command, &arguments.common.sources(environment), output)
            .finish();
    }
    if let Some(Command::Enroll(asked)) = arguments.command {
        return block_on(enroll::run(asked, arguments.common.config));
    }
    let started = match cli::start::<AgentConfig>(&arguments.common, environment) {
        Ok(started) => started,
        Err(code) => return code,
    };
    match arguments.command {
        _ if arguments.once && arguments.explain => {
            explain::run(&started.config, &surroundings, output)
        }
        _ if arguments.once => once::run(&started.config, &surroundings, output),
        None | Some(Command::Run) => block_on(run::run(started, surroundings)),
        Some(Command::Status) => block_on(status::run(started.config, output)),
        Some(Command::SelfTest) => block_on(self_test::run(started.config, output)),
        Some(Command::Simulate(arguments)) => block_on(simulate::run(arguments, started.config)),
        Some(Command::Ping) => ping::answer(started.config.telemetry.listen, false),
        Some(Command::Config(_) | Command::Enroll(_)) => ExitCode::SUCCESS, // Answered above.
    }
}

/// Runs on a runtime of one thread: what the agent does at a time is one write.
fn block_on(command: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(BLOCKING_STACK_BYTES)
        .build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(command);
            // A name that does not resolve must not hold up the end.
            runtime.shutdown_background();
            code
        }
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    watchpost_service::cli::complain(format_args!("watchpost-agent: {error}\n"));
    ExitCode::FAILURE
}

/// What the port of `/health`, `/ready` and `/metrics` answers from.
fn telemetry(registry: Registry, readiness: Readiness) -> Telemetry {
    Telemetry {
        name: "watchpost-agent",
        version: env!("CARGO_PKG_VERSION"),
        registry,
        readiness,
    }
}

fn surroundings(environment: &BTreeMap<String, String>) -> Surroundings {
    // systemd gives a list, should the unit have several folders.
    let first = environment
        .get("STATE_DIRECTORY")
        .and_then(|list| list.split(':').next());
    Surroundings {
        host_name: host_name(environment),
        state_directory: first.filter(|path| !path.is_empty()).map(Into::into),
    }
}

#[cfg(unix)]
fn host_name(_environment: &BTreeMap<String, String>) -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

#[cfg(not(unix))]
fn host_name(environment: &BTreeMap<String, String>) -> String {
    environment
        .get("COMPUTERNAME")
        .cloned()
        .unwrap_or_else(|| "localhost".to_owned())
}
