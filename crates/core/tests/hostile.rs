//! The corpus of hostile bytes: each is given to both readers of bytes, and each answers. What is
//! no duration and no time has its own cases in their suites.

use std::fmt::Write;

use watchpost_core::csv::read_tables;
use watchpost_core::line_protocol::{Precision, parse_points};
use watchpost_testkit::cases;

use crate::escapes::unescape;

#[test]
fn suite() {
    cases::run("testdata/hostile.md", |case| {
        let mut out = String::new();
        for line in case.input("bytes").lines() {
            writeln!(out, "{line}").unwrap();
            let bytes = unescape(line);
            match parse_points(&bytes, Precision::Nanoseconds, 0) {
                Ok(points) => writeln!(out, "    lines: {} points", points.len()),
                Err(errors) => writeln!(out, "    lines: {}", one_line(&errors.to_string())),
            }
            .unwrap();
            match read_tables(&bytes, 10) {
                Ok(tables) => writeln!(out, "    csv: {} tables", tables.len()),
                Err(error) => writeln!(out, "    csv: {}", one_line(&error.to_string())),
            }
            .unwrap();
        }
        out
    });
}

fn one_line(text: &str) -> String {
    text.escape_default().to_string()
}
