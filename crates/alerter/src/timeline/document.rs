//! A Markdown file of cases: a `##` heading each, then blocks fenced by three backticks: `toml`
//! (the rule file; a second one for `reload`), `timeline` (the script), `expect` (the outcome).

use super::{CaseError, play};

/// One case of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    /// Of the heading, from 1.
    pub line: usize,
    pub files: Vec<String>,
    pub timeline: String,
    pub expect: String,
}

/// What a case gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed { expected: String, got: String },
    Broken(CaseError),
}

/// Reads the cases of a file. Blocks before the first heading hold for all cases: a rule file
/// there is used by those that have none.
pub fn parse(text: &str) -> Vec<Case> {
    let mut shared = Case::default();
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case {
                name: name.trim().to_owned(),
                line: index + 1,
                ..Case::default()
            });
        } else if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| line.trim_end() != "```")
                .collect();
            let body = body
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>();
            let case = cases.last_mut().unwrap_or(&mut shared);
            match language.split_whitespace().next() {
                Some("toml") => case.files.push(body),
                Some("timeline") => case.timeline = body,
                Some("expect") => case.expect = body,
                _ => {}
            }
        }
    }
    for case in cases.iter_mut().filter(|case| case.files.is_empty()) {
        case.files.clone_from(&shared.files);
    }
    cases
}

/// Plays a case and compares.
pub fn check(case: &Case) -> Verdict {
    let files: Vec<&str> = case.files.iter().map(String::as_str).collect();
    match play(&files, &case.timeline) {
        Err(error) => Verdict::Broken(error),
        Ok(got) if got.trim_end() == case.expect.trim_end() => Verdict::Passed,
        Ok(got) => Verdict::Failed {
            expected: case.expect.clone(),
            got,
        },
    }
}
