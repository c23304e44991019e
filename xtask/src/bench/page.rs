//! `docs/benchmarks.md`: a section a suite. What is not measured anew stays word for word.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::machine::Circumstances;
use super::suites::SUITES;

/// Where the page lies below the root of the repository.
pub(super) const PATH: &str = "docs/benchmarks.md";

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`, which says with `--help` what it measures. Each section names its
commit, its machine and the load of that: a figure holds there. To compare two versions, measure both
on one machine; to know what yours takes, measure on yours. What follows from the figures for a setup
is in [tuning.md](tuning.md) and [sizing.md](sizing.md).

Latencies of scenarios count from the intended start of a request, so a server that stalls is not
spared the requests it kept waiting. A row of several runs shows the median and (least to greatest).
";

/// A section of the page.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) suite: String,
    pub(super) about: String,
    pub(super) command: String,
    pub(super) circumstances: Circumstances,
    pub(super) body: String,
}

/// The page: the name and the text of each section.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    sections: Vec<(String, String)>,
}

impl Page {
    /// The page as it is; empty if there is none yet.
    pub(super) fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn parse(text: &str) -> Self {
        let sections = text.split("\n## ").skip(1).filter_map(|part| {
            let (name, body) = part.split_once('\n')?;
            Some((name.trim().to_owned(), body.trim().to_owned()))
        });
        Self {
            sections: sections.collect(),
        }
    }

    /// The page with a section in place of the one before.
    pub(super) fn with(mut self, section: Section) -> Self {
        let text = format!(
            "{}.\n\n`{}`; {}.\n\n{}",
            section.about,
            section.command,
            section.circumstances,
            section.body.trim()
        );
        self.sections.retain(|(name, _)| *name != section.suite);
        self.sections.push((section.suite, text));
        // Sections of suites that are gone stand last.
        let place = |name: &str| SUITES.iter().position(|suite| suite.name == name);
        self.sections
            .sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
        self
    }

    fn text(&self) -> String {
        let sections = self.sections.iter();
        let sections: String = sections
            .map(|(name, text)| format!("\n## {name}\n\n{text}\n"))
            .collect();
        format!("{HEAD}{sections}")
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.text()).with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{Page, Section};
    use crate::bench::machine::Circumstances;

    fn section(suite: &str, body: &str) -> Section {
        Section {
            suite: suite.to_owned(),
            about: "What it is".to_owned(),
            command: format!("cargo xtask bench {suite}"),
            circumstances: Circumstances::here(Path::new("."), None, Duration::from_secs(3)),
            body: body.to_owned(),
        }
    }

    #[test]
    fn a_section_is_replaced_and_the_others_stay_word_for_word() {
        let first = Page::default()
            .with(section("web", "| a |\n"))
            .with(section("agent", "old"));
        let text = first.text();
        let read = Page::parse(&text);
        assert_eq!(read, first);
        let again = read.with(section("agent", "new"));
        let (web, agent) = (&first.sections[1], &again.sections[0]);
        assert_eq!(again.sections[1], *web);
        assert!(
            agent.0 == "agent" && agent.1.contains("new") && !agent.1.contains("old"),
            "{agent:?}"
        );
        assert!(text.find("## agent") < text.find("## web"), "{text}");
    }
}
