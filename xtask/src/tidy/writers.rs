//! Files are written through the crate `durable`, which makes them survive and lets tests make every step fail.
//!
//! `xtask/writers.toml` names the files that open one for writing by themselves all the same, with how often. The list
//! may only shrink.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::sources::Sources;

/// What opens a file for writing, or gives one a name.
const WRITERS: [&str; 6] = [
    "File::create",
    "File::options",
    "OpenOptions::new",
    "fs::write(",
    "fs::rename(",
    "fs::copy(",
];

/// The crate itself, and what is never in a user's hands.
const EXEMPT: [&str; 5] = [
    "crates/durable/",
    "crates/testkit/",
    "crates/e2e/",
    "crates/fuzz/",
    "xtask/",
];

/// Complains of files that write more often than the list says, and of entries that could be lowered.
pub(crate) fn check(root: &Path, sources: &Sources) -> Result<Vec<String>> {
    let path = root.join("xtask/writers.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let listed: BTreeMap<String, usize> =
        toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(compare(&listed, &count(sources)))
}

fn count(sources: &Sources) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for source in &sources.files {
        if source.is_test() || EXEMPT.iter().any(|it| source.path.starts_with(it)) {
            continue;
        }
        let writers = source
            .product_lines()
            .filter(|line| is_writer(line))
            .count();
        if writers > 0 {
            found.insert(source.path.clone(), writers);
        }
    }
    found
}

/// Whether a line opens a file for writing (`AppendFile::create` is no `File::create`).
fn is_writer(line: &str) -> bool {
    WRITERS.iter().any(|writer| {
        line.match_indices(writer)
            .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric()))
    })
}

fn compare(listed: &BTreeMap<String, usize>, found: &BTreeMap<String, usize>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, writers) in found {
        let limit = listed.get(path).copied().unwrap_or(0);
        if *writers > limit {
            complaints.push(format!(
                "{path}: opens a file for writing {writers} times, {limit} are listed: use `watchpost_durable::Disk`"
            ));
        }
    }
    for (path, limit) in listed {
        let writers = found.get(path).copied().unwrap_or(0);
        if writers < *limit {
            complaints.push(format!(
                "{path}: opens a file for writing {writers} times by now: lower its entry in xtask/writers.toml"
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, compare};

    #[test]
    fn the_list_may_only_shrink() {
        let map = |entries: &[(&str, usize)]| {
            let owned = entries
                .iter()
                .map(|(path, count)| ((*path).to_owned(), *count));
            owned.collect::<BTreeMap<_, _>>()
        };
        let listed = map(&[("same", 1), ("less", 2), ("gone", 1), ("more", 1)]);
        let found = map(&[("same", 1), ("less", 1), ("new", 1), ("more", 2)]);
        assert_eq!(compare(&listed, &found).len(), 4);
    }
}
