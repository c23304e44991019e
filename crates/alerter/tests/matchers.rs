//! Matchers as they are written: in a list, as the configuration takes them, and alone, as a filter of the API does.

use std::fmt::Write;

use watchpost_alerter::matcher::{Matcher, MatcherError};
use watchpost_testkit::cases;

fn shown(found: Result<Vec<Matcher>, MatcherError>) -> String {
    match found {
        Ok(matchers) => {
            let matchers: Vec<String> = matchers.iter().map(ToString::to_string).collect();
            matchers.join(" ; ")
        }
        Err(error) => format!("refused: {error}"),
    }
}

#[test]
fn suite() {
    cases::run("testdata/matchers.md", |case| {
        let mut out = String::new();
        for line in case.input("matchers").lines() {
            let alone = shown(line.parse().map(|matcher| vec![matcher]));
            let listed = shown(Matcher::list(line));
            writeln!(out, "{line}").unwrap();
            match alone == listed {
                true => writeln!(out, "    {listed}").unwrap(),
                false => writeln!(out, "    list:  {listed}\n    alone: {alone}").unwrap(),
            }
        }
        out
    });
}
