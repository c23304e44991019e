//! The reference of the command line as Markdown: `docs/configuration/engine.md` is this text, so it cannot grow old.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;

const INTRODUCTION: &str = "# Configuration of watchpost-engine

The engine is configured by flags; those with a variable can be set in the environment instead (a flag wins).
Secrets come from files alone. A flag that cannot be used ends the start with exit code 64 before a port opens.
SIGHUP reads certificate and key again; everything else takes a restart, which loses nothing that was acknowledged.

What an operator asks a running server over HTTP, with the operator's token, beside InfluxDB's API:

| route | answers |
|---|---|
| `GET /watchpost/backup` | a consistent copy of everything, as a stream (`watchpost-engine backup FILE --host URL --token-file FILE`) |
| `GET /watchpost/verify` | a check of every byte of every file, as JSON |
| `GET /watchpost/stats` | series by bucket, measurement and tag, bytes, oldest and newest times, as JSON |
| `GET /api/v2/queries`, `DELETE /api/v2/queries/ID` | the queries that run; ends one |

A point that is older than its bucket's retention is not shown any more, at the latest a second after it has expired. Its
bytes go with its shard: an hour if the bucket keeps at most two days, else a day. (InfluxDB goes on showing such points until
their shard is dropped.) Missed runs of tasks are named in the tasks' logs, or made up for with `--catch-up-tasks`.
";

/// The page.
pub fn markdown() -> String {
    let command = Cli::command();
    let mut page = INTRODUCTION.to_owned();
    let mut headings: Vec<Option<&str>> = Vec::new();
    for argument in own_arguments(&command) {
        if !headings.contains(&argument.get_help_heading()) {
            headings.push(argument.get_help_heading());
        }
    }
    for heading in headings {
        let arguments = own_arguments(&command).filter(|one| one.get_help_heading() == heading);
        section(&mut page, heading.unwrap_or("Serving"), "", arguments);
    }
    for subcommand in command.get_subcommands() {
        let about = subcommand.get_about().map(ToString::to_string);
        let title = format!("watchpost-engine {}", subcommand.get_name());
        let own = own_arguments(subcommand);
        section(&mut page, &title, &about.unwrap_or_default(), own);
    }
    page
}

fn own_arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_own = |argument: &&Arg| !matches!(argument.get_id().as_str(), "help" | "version");
    command.get_arguments().filter(is_own)
}

fn section<'a>(
    page: &mut String,
    title: &str,
    about: &str,
    arguments: impl Iterator<Item = &'a Arg>,
) {
    let mut arguments = arguments.peekable();
    let _ = write!(page, "\n## {title}\n");
    if !about.is_empty() {
        let _ = write!(page, "\n{about}\n");
    }
    if arguments.peek().is_none() {
        return;
    }
    page.push_str("\n| flag | default | variable | what it does |\n|---|---|---|---|\n");
    for argument in arguments {
        let default = match argument.get_default_values() {
            [value] if argument.get_action().takes_values() => {
                format!("`{}`", value.to_string_lossy())
            }
            _ => "–".to_owned(),
        };
        let variable = argument.get_env().map_or_else(
            || "–".to_owned(),
            |name| format!("`{}`", name.to_string_lossy()),
        );
        let _ = writeln!(
            page,
            "| `{}` | {default} | {variable} | {} |",
            name_of(argument),
            help_of(argument)
        );
    }
}

/// `--flag VALUE`, or `VALUE` of one that is told by its place.
fn name_of(argument: &Arg) -> String {
    let values = argument
        .get_value_names()
        .filter(|_| argument.get_action().takes_values());
    let value = values
        .and_then(|names| names.first())
        .map(ToString::to_string);
    match (argument.get_long(), value) {
        (Some(long), Some(value)) => format!("--{long} {value}"),
        (Some(long), None) => format!("--{long}"),
        (None, value) => value.unwrap_or_else(|| argument.get_id().to_string().to_uppercase()),
    }
}

/// All of the help, as one cell of a table.
fn help_of(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let text = help.map(ToString::to_string).unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let ends = text.ends_with(['.', '`', ')']) || text.is_empty();
    let text = text.replace('|', "\\|");
    if ends { text } else { format!("{text}.") }
}
