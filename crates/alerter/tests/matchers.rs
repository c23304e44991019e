//! Matchers as they are written: in a list, as the configuration takes them, and alone, as a filter of the API does.

use std::fmt::Write;

use watchpost_alerter::labels::Labels;
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

/// Lists of two thousand hosts, as silences of a whole site have them; what is too long or none is refused in few words.
#[test]
fn two_thousand_names_are_one_matcher() {
    for (name, tail) in [
        ("web-@.prod.example.org", ""),
        ("h@.a.b.c.d.e.f.g.h.i.j", ""),
        ("web-@", r"\\w?"),
        ("web-@.prod", ".*"),
        (
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@.example.org",
            "",
        ),
    ] {
        let names = (0..2000).map(|n| name.replace('@', &format!("{n:04}")) + tail);
        let names = names.collect::<Vec<_>>().join("|");
        let text = format!("host=~\"(?i)({names})\"");
        let matcher: Matcher = text.parse().unwrap_or_else(|error| panic!("{error}"));
        let asked = |host: &str| matcher.matches(&Labels::from([("host", host)]));
        assert!(asked(&name.replace('@', "1999")) && !asked("web"), "{name}");
        for wrong in [
            format!("host=~\"({names}\""),
            names.clone(),
            format!("host=~\"{names}"),
        ] {
            let error = wrong.parse::<Matcher>().unwrap_err().to_string();
            assert!(error.len() < 500, "{error}");
        }
    }
}
