//! The `watchpost-agent` binary.

use std::process::ExitCode;

use clap::Parser as _;
use watchpost_agent::cli::Arguments;
use watchpost_agent::commands;

// glibc keeps an arena for each thread and gives little back; this allocator has one, and does.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    watchpost_service::private_files::keep();
    commands::run(Arguments::parse(), std::env::vars().collect())
}
