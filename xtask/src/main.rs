//! The project's commands, and its only script: `cargo xtask COMMAND`.

// First: the modules below print by its macros.
#[macro_use]
mod output;

mod bench;
mod beside;
mod ci;
mod dist;
mod fuzz;
mod sign_in_times;
mod soak;
mod test;
mod tidy;
mod up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  up       build, start and watch the whole platform on this machine
  status   what runs, since when, where
  logs     what the roles have said
  down     stop it
  test     tidy, then every test; closes with passed, failed and skipped
  ci       what the gate runs: formatting, clippy, then `test`
  bench    the project's own benches and scenarios, into docs/benchmarks.md
  fuzz     changed inputs for every parser and route, under limits
  soak     the platform under connections, a full disk and a clock that steps, for an hour
  sign-in-times
           whether a name shows by the time in which its password is refused
  dist     tarball, packages, sums and bill of materials of a release
  tidy     the checks that rustc cannot make: layers, budgets, names, licences

`cargo xtask COMMAND --help` tells more about each.";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        arguments.push("--help".to_owned());
    }
    let command = arguments.remove(0);
    let root = workspace_root();
    let outcome = match command.as_str() {
        "up" => up::run(&root, &arguments),
        "status" => up::status(&root, &arguments),
        "logs" => up::logs(&root, &arguments),
        "down" => up::down(&root, &arguments),
        "test" => test::run(&root, &arguments),
        "ci" => ci::run(&root, &arguments),
        "bench" => bench::run(&root, &arguments),
        "fuzz" => fuzz::run(&root, &arguments),
        "sign-in-times" => sign_in_times::run(&root, &arguments),
        "soak" => soak::run(&root, &arguments),
        "dist" => dist::run(&root, &arguments),
        "tidy" => tidy::run(&root, &arguments),
        "-h" | "--help" | "help" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => {
            eprintln!("xtask: there is no command `{other}`\n\n{HELP}");
            Ok(ExitCode::from(64))
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("xtask {command}: {error:#}");
        ExitCode::FAILURE
    })
}

/// The folder that holds the workspace's `Cargo.toml`.
fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}
