//! Words that people read: those of the field. The words here once stood on the page, in commands or in
//! documents, and do not come back.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What is not written, and what stands for it.
const WORDS: [(&str, &str); 46] = [
    ("told to", "notified, sent to"),
    ("is told", "is sent, is notified"),
    ("are told", "are sent, are notified"),
    ("been told", "been sent, been notified"),
    ("was told", "was sent, was notified"),
    ("told once", "sent once"),
    ("told again", "sent again"),
    ("tells every", "names every"),
    ("look after", "acknowledge"),
    ("looks after", "acknowledged by"),
    ("nothing to tell", "nothing to send"),
    ("whoever", "who"),
    ("everybody", "everyone"),
    ("nobody can", "no one can"),
    ("nobody is", "no one is"),
    ("that nobody", "that no one"),
    ("overstay", "ran beyond its timeout"),
    ("told no ", "has no"),
    ("does not tell", "does not say, does not list"),
    ("stands twice", "is there twice"),
    ("over its level since", "above its threshold for"),
    ("tell how the running", "show the status"),
    ("is usual again", "is back to normal"),
    ("no longer nears", "is no longer heading for"),
    ("as it should be", "valid"),
    ("as they should be", "up to date"),
    ("nothing is called", "nothing is named"),
    ("nothing fires", "no alert is firing"),
    ("nothing happened yet", "no events yet"),
    ("fails again and again", "keeps failing"),
    ("alert comes here", "alert reaches this route"),
    ("cannot stand beside", "cannot be combined with"),
    ("keeps no texts", "stores no strings"),
    ("list of texts", "list of strings"),
    ("must be a text", "must be a string"),
    ("tries to sign in", "sign-ins"),
    ("all is well", "all checks passed"),
    ("ended badly", "failed"),
    ("of no use", "has no effect"),
    ("message before was", "previous message was"),
    ("is not well", "is unhealthy"),
    ("next look", "next flush"),
    ("hours are made", "hourly values are written"),
    ("comes too slowly", "is sent too slowly"),
    ("those known before", "the ones known before"),
    ("are not known:", "are unavailable:"),
];

/// Folders and files that hold what people read, and the ends of their names.
const READ: [(&str, &[&str]); 10] = [
    ("docs", &["md"]),
    ("deploy", &["toml", "yml", "service"]),
    ("crates/web/templates", &["html"]),
    ("crates/web/assets", &["js"]),
    ("crates/alerter/src", &["rs"]),
    ("crates/agent/src", &["rs"]),
    ("crates/provisioner/src", &["rs"]),
    ("crates/service/src", &["rs"]),
    ("crates/web/src", &["rs"]),
    ("xtask/src/up", &["rs"]),
];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for (folder, ends) in READ {
        look_through(root, &root.join(folder), ends, &mut complaints)?;
    }
    Ok(complaints)
}

fn look_through(
    root: &Path,
    folder: &Path,
    ends: &[&str],
    complaints: &mut Vec<String>,
) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let extension = path
            .extension()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            look_through(root, &path, ends, complaints)?;
        } else if ends.contains(&extension) {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            complaints.extend(found(&name, &shown(extension, &text)));
        }
    }
    Ok(())
}

/// What of a file people see: of a Rust file not its comments and its tests. (The comments that become help
/// and the reference of the configuration are read where they come out, in docs.)
fn shown(extension: &str, text: &str) -> String {
    if extension != "rs" {
        return text.to_owned();
    }
    let text = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let line = |line: &str| {
        let line = line.trim_start();
        match line.starts_with("//") {
            true => "\n".to_owned(),
            false => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

fn found(name: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let one = |(number, line): (usize, &str)| {
        let line = line.to_lowercase();
        let word = WORDS.iter().find(|(word, _)| line.contains(word))?;
        let (word, right) = word;
        Some(format!("{name}:{}: {word:?}: write {right}", number + 1))
    };
    lines.filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::found;

    #[test]
    fn a_word_that_is_not_the_fields_is_named_with_its_line() {
        let complaints = found("docs/a.md", "fine\nA receiver is told once.\n");
        assert_eq!(complaints.len(), 1);
        assert!(
            complaints[0].starts_with("docs/a.md:2: \"is told\""),
            "{complaints:?}"
        );
    }
}
