//! The inputs that everything begins with: the files of `corpus/TARGET`, blocks of the suites of all crates, and files
//! that the repository ships.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::targets::Target;

/// Inputs that lie elsewhere in the repository.
#[derive(Clone, Copy)]
pub(crate) struct Seeds {
    /// Folders or files of Markdown, and the language of the blocks to take.
    pub(crate) blocks: &'static [(&'static str, &'static str)],
    /// Whole files.
    pub(crate) files: &'static [&'static str],
    /// Written here.
    pub(crate) texts: &'static [&'static str],
}

impl Seeds {
    pub(crate) const NONE: Self = Self {
        blocks: &[],
        files: &[],
        texts: &[],
    };
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .nth(2)
        .unwrap_or(crate_folder)
        .to_owned()
}

/// The corpus of a target and all seeds, in the same order on every machine.
pub(crate) fn of(target: &Target) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name);
    if folder.is_dir() {
        for path in files_below(&folder)? {
            all.push(read(&path)?);
        }
    }
    // Before the rest, which a short run does not reach the end of.
    all.extend(deep(target));
    for (place, language) in target.seeds.blocks {
        for path in files_below(&root().join(place))? {
            let text = String::from_utf8_lossy(&read(&path)?).into_owned();
            all.extend(blocks(&text, language));
        }
    }
    for file in target.seeds.files {
        all.push(read(&root().join(file))?);
    }
    all.extend(
        target
            .seeds
            .texts
            .iter()
            .map(|text| text.as_bytes().to_vec()),
    );
    all.extend((target.more_seeds)()?);
    Ok(all)
}

/// Everything that can be put into itself, as often as the longest input has room for: closed, and left open. (Unoptimised,
/// a sixteenth of it.)
fn deep(target: &Target) -> impl Iterator<Item = Vec<u8>> {
    let longest = match cfg!(debug_assertions) {
        true => target.longest / 16,
        false => target.longest,
    };
    target.nests.iter().flat_map(move |(open, close)| {
        let times = longest / (open.len() + close.len()).max(1);
        let opened = open.repeat(times);
        let closed = format!("{opened}1{}", close.repeat(times));
        [opened.into_bytes(), closed.into_bytes()]
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn files_below(place: &Path) -> Result<Vec<PathBuf>> {
    if place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(place).with_context(|| place.display().to_string())? {
        files.extend(files_below(&entry?.path())?);
    }
    files.sort();
    Ok(files)
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<Vec<u8>> {
    let fence = format!("```{language}\n");
    let rest = text.split(fence.as_str()).skip(1);
    let blocks = rest.filter_map(|rest| rest.split("```").next());
    blocks.map(|block| block.as_bytes().to_vec()).collect()
}
