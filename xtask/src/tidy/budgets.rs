//! Budgets of size: a file fits a sitting, a function fits a screen.
//!
//! `xtask/budgets.toml` names what is over its budget, with its size. The list may only shrink: what
//! grew is a complaint, and so is an entry that could be lowered or removed (`--write` does it).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::functions;
use super::sources::Sources;

/// A reader keeps about this much of a file in mind.
const FILE_LINES_MAX: usize = 500;
/// A screen.
const FUNCTION_LINES_MAX: usize = 70;

/// The exceptions: a path (`path` or `path::function`) and its lines.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(default)]
    files: BTreeMap<String, usize>,
    #[serde(default)]
    functions: BTreeMap<String, usize>,
}

/// Measures every file and function that is not a test.
pub(crate) fn check(root: &Path, sources: &Sources, write: bool) -> Result<Vec<String>> {
    let path = root.join("xtask/budgets.toml");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let listed: Exceptions =
        toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    let over = measure(sources);
    if write {
        let lowered = Exceptions {
            files: lower(&listed.files, &over.files),
            functions: lower(&listed.functions, &over.functions),
        };
        let header = "# What is over its budget (files 500 lines, functions 70). This list may only shrink.\n\n";
        fs::write(&path, format!("{header}{}", toml::to_string(&lowered)?))
            .with_context(|| format!("cannot write {}", path.display()))?;
        let mut complaints = compare("file", FILE_LINES_MAX, &lowered.files, &over.files);
        complaints.extend(compare(
            "function",
            FUNCTION_LINES_MAX,
            &lowered.functions,
            &over.functions,
        ));
        return Ok(complaints);
    }
    let mut complaints = compare("file", FILE_LINES_MAX, &listed.files, &over.files);
    complaints.extend(compare(
        "function",
        FUNCTION_LINES_MAX,
        &listed.functions,
        &over.functions,
    ));
    Ok(complaints)
}

fn measure(sources: &Sources) -> Exceptions {
    let mut over = Exceptions::default();
    for source in sources.files.iter().filter(|it| !it.is_test()) {
        let lines = source.product_lines().count();
        if lines > FILE_LINES_MAX {
            over.files.insert(source.path.clone(), lines);
        }
        for (name, _, lines) in functions::lengths(source.product_lines()) {
            if lines > FUNCTION_LINES_MAX {
                let longest = over
                    .functions
                    .entry(format!("{}::{name}", source.path))
                    .or_default();
                *longest = lines.max(*longest);
            }
        }
    }
    over
}

/// The listed entries that are still over, at their present size if that is smaller.
fn lower(
    listed: &BTreeMap<String, usize>,
    over: &BTreeMap<String, usize>,
) -> BTreeMap<String, usize> {
    let still = listed
        .iter()
        .filter_map(|(name, limit)| Some((name.clone(), *over.get(name)?.min(limit))));
    still.collect()
}

fn compare(
    what: &str,
    maximum: usize,
    listed: &BTreeMap<String, usize>,
    over: &BTreeMap<String, usize>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, lines) in over {
        match listed.get(name) {
            None => complaints.push(format!(
                "{name}: a {what} of {lines} lines; the budget is {maximum}: split it"
            )),
            Some(limit) if lines > limit => {
                complaints.push(format!(
                    "{name}: grew from {limit} to {lines} lines; it may only shrink"
                ));
            }
            Some(limit) if lines < limit => {
                complaints.push(format!(
                    "{name}: shrank from {limit} to {lines} lines: `cargo xtask tidy --write`"
                ));
            }
            Some(_) => {}
        }
    }
    for name in listed.keys().filter(|name| !over.contains_key(*name)) {
        complaints.push(format!(
            "{name}: is within its budget now: `cargo xtask tidy --write`"
        ));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{compare, lower};

    fn map(entries: &[(&str, usize)]) -> BTreeMap<String, usize> {
        entries
            .iter()
            .map(|(name, lines)| ((*name).to_owned(), *lines))
            .collect()
    }

    #[test]
    fn the_ratchet_turns_one_way() {
        let listed = map(&[("grew", 600), ("shrank", 600), ("same", 600), ("gone", 600)]);
        let over = map(&[("grew", 601), ("shrank", 599), ("same", 600), ("new", 501)]);
        let complaints = compare("file", 500, &listed, &over);
        assert_eq!(complaints.len(), 4, "{complaints:#?}");
        assert_eq!(
            lower(&listed, &over),
            map(&[("grew", 600), ("shrank", 599), ("same", 600)])
        );
    }
}
