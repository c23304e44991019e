//! Manual pages of what each program says of itself with `--help`, so that they cannot differ from it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::contents::Role;
use super::{Release, roles, run_quietly};

/// Columns of the text: a terminal's 80, less the indentation of a page.
const COLUMNS: &str = "72";

/// The page's file.
pub(super) fn file(role: &Role) -> String {
    format!("{}.1", role.program())
}

/// Writes the page of every role into `folder`.
pub(super) fn make(release: &Release, folder: &Path) -> Result<()> {
    for role in roles() {
        let program = release.binaries.folder.join(role.program());
        let help = help_of(&program, &[])?;
        let mut sections = vec![("DESCRIPTION".to_owned(), help.clone())];
        for command in commands(&help) {
            let title = format!("{} {command}", role.program());
            sections.push((title.to_uppercase(), help_of(&program, &[&command])?));
        }
        let page = page(role, &release.version, &sections);
        fs::write(folder.join(file(role)), page).context("cannot write a manual page")?;
    }
    Ok(())
}

fn help_of(program: &Path, command: &[&str]) -> Result<String> {
    let mut asked = Command::new(program);
    asked.args(command).arg("--help").env("COLUMNS", COLUMNS);
    run_quietly(&mut asked)
}

/// The names below `Commands:`, without `help`.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn page(role: &Role, version: &str, sections: &[(String, String)]) -> String {
    let program = role.program();
    let mut page = format!(
        ".TH {} 1 \"\" \"Watchpost {version}\" \"Watchpost\"\n.SH NAME\n{} \\- {}\n",
        program.to_uppercase(),
        escape(&program),
        escape(role.summary),
    );
    for (title, text) in sections {
        page.push_str(&format!(".SH \"{}\"\n.nf\n", escape(title)));
        for line in text.trim_end().lines() {
            page.push_str(&escape(line));
            page.push('\n');
        }
        page.push_str(".fi\n");
    }
    page.push_str(".SH FILES\n.nf\n");
    for name in role.configuration {
        page.push_str(&format!("/etc/watchpost/{}\n", escape(name)));
    }
    page.push_str(&format!("/var/lib/watchpost/{}\n.fi\n", role.name));
    page
}

/// A line of text as roff(7) takes it: nothing in it is a request or an escape.
fn escape(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::{commands, escape};

    #[test]
    fn commands_are_those_listed_once() {
        let help = "About\n\nCommands:\n  run     Run\n          and more\n  check-config  Check\n  help    Print\n\nOptions:\n  -h\n";
        assert_eq!(commands(help), ["run", "check-config"]);
    }

    #[test]
    fn a_line_cannot_be_a_request() {
        assert_eq!(escape(".TH \\fB --x"), "\\&.TH \\efB \\-\\-x");
    }
}
