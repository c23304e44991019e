//! The Rust files of the workspace, read once for every check.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One Rust file: its path from the workspace's root and its text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Tests and benches have no budget of size, but every other rule holds for them.
    pub(crate) fn is_test(&self) -> bool {
        ["/tests/", "/benches/", "/fuzz/"]
            .iter()
            .any(|it| self.path.contains(it))
            || self.path.ends_with("/tests.rs")
    }

    /// The lines before the inline test module.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
    }
}

/// Every `.rs` file under `crates` and `xtask`, in the order of their paths.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) files: Vec<Source>,
}

impl Sources {
    /// Reads the files from the disk.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for top in ["crates", "xtask"] {
            visit(root, &root.join(top), &mut files)?;
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Sources { files })
    }
}

fn visit(root: &Path, folder: &Path, files: &mut Vec<Source>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path: PathBuf = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if name != "target" && name != "testdata" && name != "node_modules" {
                visit(root, &path, files)?;
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let path = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            files.push(Source { path, text });
        }
    }
    Ok(())
}
