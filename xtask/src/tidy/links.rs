//! Relative links in the documents lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Every Markdown file at the top and under `docs`.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for path in documents(root)? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent().unwrap_or(root);
        for target in targets(&text)
            .into_iter()
            .filter(|target| !folder.join(target).exists())
        {
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            complaints.push(format!("{name}: the link to `{target}` leads nowhere"));
        }
    }
    Ok(complaints)
}

fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("docs")];
    found.extend(markdown_in(root)?.0);
    while let Some(folder) = folders.pop().filter(|it| it.exists()) {
        let (files, inner) = markdown_in(&folder)?;
        found.extend(files);
        folders.extend(inner);
    }
    found.sort();
    Ok(found)
}

fn markdown_in(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let paths: Vec<PathBuf> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|it| it.is_dir());
    Ok((
        files
            .into_iter()
            .filter(|it| it.extension().is_some_and(|end| end == "md"))
            .collect(),
        folders,
    ))
}

/// The local targets of `[text](target)`, without anchors; addresses on the web are not followed.
fn targets(text: &str) -> Vec<&str> {
    let openings = text.split("](").skip(1);
    let inside = openings.filter_map(|rest| rest.split([')', '\n']).next());
    let local = inside
        .filter(|it| !it.contains("://") && !it.starts_with('#') && !it.starts_with("mailto:"));
    local
        .filter_map(|it| it.split('#').next())
        .filter(|it| !it.is_empty() && !it.contains(' '))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn local_links_are_found_without_their_anchors() {
        let text = "[a](docs/a.md#top) [b](https://example.org) [c](#here) ![d](d.svg)";
        assert_eq!(targets(text), ["docs/a.md", "d.svg"]);
    }
}
