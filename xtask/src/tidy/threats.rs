//! Each line of the threat model (`docs/security.md`) names what holds it to it: tests that exist, as `CRATE::FILE::TEST`, or a
//! criterion of `up --check`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::sources::Sources;

/// The document, and where the criteria are numbered.
const DOCUMENT: &str = "docs/security.md";
const CRITERIA: &str = "crates/e2e/src/criteria/mod.rs";

/// The head of a table's last column, in which each line needs at least one test.
const HELD_BY: &str = "held by";

/// Checks the document against the tests.
pub(crate) fn check(root: &Path, sources: &Sources) -> Result<Vec<String>> {
    let text = fs::read_to_string(root.join(DOCUMENT)).with_context(|| DOCUMENT.to_owned())?;
    Ok(complaints(&text, sources))
}

fn complaints(text: &str, sources: &Sources) -> Vec<String> {
    let (mut complaints, mut lines_held, mut is_held) = (Vec::new(), 0, false);
    for (number, line) in text.lines().enumerate() {
        let place = format!("{DOCUMENT}:{}", number + 1);
        let missing = named(line).filter(|name| !exists(name, sources));
        complaints.extend(missing.map(|name| format!("{place}: there is no test `{name}`")));
        let Some(last) = last_cell(line) else {
            is_held = false;
            continue;
        };
        if last == HELD_BY {
            is_held = true;
        } else if is_held && !last.starts_with("---") {
            lines_held += 1;
            if named(last).next().is_none() && !criteria(last, sources) {
                complaints.push(format!("{place}: the line names no test that holds it"));
            }
        }
    }
    if lines_held == 0 {
        complaints.push(format!("{DOCUMENT}: no table has a column `{HELD_BY}`"));
    }
    complaints
}

/// The last cell of a line of a table.
fn last_cell(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    inside.rsplit('|').next().map(str::trim)
}

/// The tests that a text names, in backquotes.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| span.contains("::"))
}

/// Whether the text names criteria that there are.
fn criteria(text: &str, sources: &Sources) -> bool {
    let list = sources.files.iter().find(|file| file.path == CRITERIA);
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let mut numbers = words.filter_map(|word| word.strip_prefix('C')?.parse::<u8>().ok());
    numbers.any(|number| list.is_some_and(|file| file.text.contains(&format!(" {number},\n"))))
}

/// Whether `CRATE::FILE::TEST` is a test in a file of that name below the crate. (A criterion's attack is one, too.)
fn exists(name: &str, sources: &Sources) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let [package, modules @ .., test] = &parts[..] else {
        return false;
    };
    let folder = match *package {
        "xtask" => "xtask/".to_owned(),
        package => format!("crates/{package}/"),
    };
    let file = format!("/{}.rs", modules.join("/"));
    let signature = format!("fn {test}(");
    sources.files.iter().any(|source| {
        let is_here = source.path.starts_with(&folder) && source.path.ends_with(&file);
        is_here && source.text.contains(&signature)
    })
}

#[cfg(test)]
mod tests {
    use super::super::sources::{Source, Sources};
    use super::complaints;

    #[test]
    fn lines_without_a_test_and_tests_that_are_gone_are_named() {
        let file = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let sources = Sources {
            files: vec![
                file("crates/engine/tests/door.rs", "fn it_is_shut() {}"),
                file("crates/e2e/src/criteria/mod.rs", "criterion(\n 9,\n"),
            ],
        };
        let text = "| who | held by |\n|---|---|\n| a | `engine::door::it_is_shut` |\n| b | C9 |\n| c | C12 |\n\
            | d | – |\n| e | `engine::door::it_is_open` |\n";
        assert_eq!(
            complaints(text, &sources),
            [
                "docs/security.md:5: the line names no test that holds it",
                "docs/security.md:6: the line names no test that holds it",
                "docs/security.md:7: there is no test `engine::door::it_is_open`",
            ]
        );
        assert_eq!(complaints("", &sources).len(), 1);
    }
}
