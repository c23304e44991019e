//! Texts to trees and back: the parser, the formatter, the JSON of the API.

use watchpost_flux::syntax::json::{read_file, write_file};
use watchpost_flux::syntax::{Diagnostic, format, parse, tree};
use watchpost_testkit::cases::{self, Case};

/// The tree, then the diagnostics.
fn tree_and_diagnostics(case: &Case) -> String {
    let (file, diagnostics) = parse(case.input("flux"));
    if diagnostics.is_empty() {
        let again = format::format(&file);
        assert_eq!(
            tree::print(&parse(&again).0),
            tree::print(&file),
            "formatted as\n{again}"
        );
        // A tree read from its own JSON is the same, but for the places and for zeros of times.
        let json = write_file(&file, case.input("flux"));
        if !again.contains("builtin")
            && !again.contains("testcase")
            && !again.contains("2024-03-01\n")
        {
            let read = read_file(&json).expect("a tree of the parser can be read");
            assert_eq!(tree::print(&read), tree::print(&file));
        }
    }
    format!("{}{}", tree::print(&file), Diagnostic::join(&diagnostics))
}

const TREES: [&str; 7] = [
    "calls.md",
    "collections.md",
    "functions.md",
    "literals.md",
    "operators.md",
    "statements.md",
    "strings.md",
];

#[test]
fn trees() {
    for suite in TREES {
        cases::run(format!("testdata/syntax/{suite}"), tree_and_diagnostics);
    }
    let others = ["format.md", "json_read.md", "json_write.md"];
    cases::assert_none_forgotten("testdata/syntax", &[TREES.as_slice(), &others].concat());
}

#[test]
fn formatted() {
    cases::run("testdata/syntax/format.md", |case| {
        let (file, diagnostics) = parse(case.input("flux"));
        assert_eq!(diagnostics, []);
        let text = format::format(&file);
        assert_eq!(tree::print(&parse(&text).0), tree::print(&file));
        text
    });
}

#[test]
fn written_as_json() {
    cases::run("testdata/syntax/json_write.md", |case| {
        let text = case.input("flux");
        let (file, diagnostics) = parse(text);
        assert_eq!(diagnostics, []);
        let mut json = write_file(&file, text);
        if case.name != "a variable" {
            remove_locations(&mut json);
        }
        serde_json::to_string_pretty(&json).expect("JSON can be written")
    });
}

fn remove_locations(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Object(members) => {
            members.remove("location");
            members.values_mut().for_each(remove_locations);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(remove_locations),
        _ => {}
    }
}

#[test]
fn read_from_json() {
    cases::run("testdata/syntax/json_read.md", |case| {
        let json = serde_json::from_str(case.input("json")).expect("the case is JSON");
        match read_file(&json) {
            Ok(file) => format::format(&file),
            Err(error) => format!("error: {error}"),
        }
    });
}
