//! The rule files on the disk: the main one, and one's own beside it, which are never overwritten.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::RulesConfig;
use crate::rule_file::{self, RuleFile, merge};

/// Most files of one's own; a folder with more is the wrong one.
const FILES_LIMIT: usize = 1_000;

/// Reads and merges all files.
///
/// Errors: every mistake with its file, line and column.
pub fn read(rules: &RulesConfig) -> Result<RuleFile, Vec<String>> {
    let text = |path: &Path| {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| vec![format!("{}: {error}", path.display())])?;
        Ok::<_, Vec<String>>(without_mark(text))
    };
    let mut files = vec![(rules.file.clone(), text(&rules.file)?)];
    let mut doubles = Vec::new();
    for place in own_places(rules) {
        let first = files.len();
        for path in place {
            let text = text(&path)?;
            files.push((path, text));
        }
        doubles.extend(merge::doubles(&files[first..]));
    }
    if !doubles.is_empty() {
        return Err(doubles);
    }
    let merged = merge::merge(&files).map_err(|mistake| vec![mistake])?;
    rule_file::parse(&merged.text).map_err(|mistakes| {
        let places = mistakes.0.iter().map(|mistake| merged.place(mistake));
        places.collect()
    })
}

/// Editors on Windows begin a file with a byte order mark, which is none of its text.
fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// The files of one's own that there are: named ones, and those of folders (`*.toml`) by their names.
pub fn own_files(rules: &RulesConfig) -> Vec<PathBuf> {
    own_places(rules).flatten().collect()
}

/// The same, together what stands in one folder.
fn own_places(rules: &RulesConfig) -> impl Iterator<Item = Vec<PathBuf>> {
    rules.own.iter().map(|path| {
        if !path.is_dir() {
            return Vec::from_iter(path.exists().then(|| path.clone()));
        }
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut found: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|it| it == "toml"))
            .take(FILES_LIMIT)
            .collect();
        found.sort();
        found
    })
}

/// What tells a change: time and length of each file.
pub type Stamp = Vec<(PathBuf, SystemTime, u64)>;

/// `None` while the main file is not there: one that is gone for a moment is being replaced.
pub fn stamp(rules: &RulesConfig) -> Option<Stamp> {
    let own = own_files(rules).into_iter();
    let one = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, metadata.modified().ok()?, metadata.len()))
    };
    let main = one(rules.file.clone())?;
    Some([main].into_iter().chain(own.filter_map(one)).collect())
}
