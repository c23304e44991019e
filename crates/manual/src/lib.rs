//! Manual pages and shell completions, made of what each role's own parser takes, so that they cannot differ from it.
//!
//! A crate of its own, which only `cargo xtask dist` builds: the generators would make every role larger, and slower to
//! build for those who only want to see the platform run.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

/// The shells, each with its folder: those are where packages take them from.
pub const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash"),
    (Shell::Zsh, "zsh"),
    (Shell::Fish, "fish"),
];

/// The folder of the pages.
pub const PAGES: &str = "man1";

/// The command lines of all roles.
pub fn commands() -> [Command; 5] {
    [
        watchpost_agent::cli::Arguments::command(),
        watchpost_alerter::cli::Arguments::command(),
        watchpost_engine::cli::Cli::command(),
        watchpost_provisioner::cli::Cli::command(),
        watchpost_web::cli::Arguments::command(),
    ]
}

/// Writes into `folder` a page a command and subcommand (`man1`) and a file a shell (`bash`, `zsh`, `fish`).
///
/// Errors: the folder cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    let pages = folder.join(PAGES);
    fs::create_dir_all(&pages)?;
    for mut command in commands() {
        clap_mangen::generate_to(without_help(command.clone()), &pages)?;
        let program = command.get_name().to_owned();
        for (shell, name) in SHELLS {
            let folder = folder.join(name);
            fs::create_dir_all(&folder)?;
            clap_complete::generate_to(shell, &mut command, &program, folder)?;
        }
    }
    Ok(())
}

/// `help` prints what the pages say: it needs none of its own.
fn without_help(command: Command) -> Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}
