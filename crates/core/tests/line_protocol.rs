//! Line protocol: what InfluxDB accepts, what it refuses and in which words.

use std::fmt::Write;

use watchpost_core::line_protocol::{
    Line, LineErrors, Lines, Precision, parse_points, write_points,
};
use watchpost_core::point::Point;
use watchpost_testkit::cases::{self, Case};

use crate::escapes::unescape;

/// The time of lines without one: 2024-03-01T00:00:00.123456789Z.
const NOW: i64 = 1_709_251_200_123_456_789;

#[test]
fn accepted_lines() {
    cases::run("testdata/line_protocol_accepted.md", |case| {
        let body = body(case);
        let mut lines = Lines::new(&body, precision(case), NOW);
        let mut out = String::new();
        while let Some(line) = lines.next_line() {
            match line {
                Ok(line) => show(&mut out, &line),
                Err(error) => writeln!(out, "line {}: {error}", error.number).unwrap(),
            }
        }
        out
    });
}

#[test]
fn refused_lines() {
    cases::run("testdata/line_protocol_refused.md", |case| {
        let mut out = String::new();
        for line in case.input("lines").lines() {
            let error = parse_points(&unescape(line), precision(case), NOW).unwrap_err();
            let [error] = error.reported() else {
                panic!("one error for {line:?}");
            };
            writeln!(out, "{line}\n    {}", error.reason).unwrap();
        }
        out
    });
}

#[test]
fn the_bad_lines_of_a_body_are_joined() {
    let body = b"m,k=a v=1 1\nm,k=b\n# comment\n\nm,k=c v=x 1\n";
    let errors = parse_points(body, Precision::Nanoseconds, NOW).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "unable to parse 'm,k=b': missing fields\nunable to parse 'm,k=c v=x 1': invalid boolean"
    );
    let numbers: Vec<usize> = errors.reported().iter().map(|error| error.number).collect();
    assert_eq!(numbers, [2, 5]);
}

#[test]
fn the_number_and_the_length_of_quoted_lines_are_limited() {
    let body = "bad\n".repeat(250) + &"x".repeat(100_000);
    let errors: LineErrors =
        parse_points(body.as_bytes(), Precision::Nanoseconds, NOW).unwrap_err();
    assert_eq!(errors.total(), 251);
    assert_eq!(errors.reported().len(), 100);
    assert!(errors.to_string().ends_with("\n… and 151 more lines"));

    let long = "x".repeat(100_000);
    let error = parse_points(long.as_bytes(), Precision::Nanoseconds, NOW).unwrap_err();
    assert!(error.to_string().len() < 5_000);
}

#[test]
fn keys_longer_than_influxdb_stores_are_refused() {
    let longest = 65_535;
    let name = "m".repeat(longest + 1);
    let reason = |body: String| {
        let errors = parse_points(body.as_bytes(), Precision::Nanoseconds, NOW).unwrap_err();
        errors.reported()[0].reason.to_string()
    };
    assert_eq!(
        reason(format!("{name} v=1")),
        "max key length exceeded: 65536 > 65535"
    );
    // The field key counts, with four bytes between.
    let field = "f".repeat(longest - 4);
    assert_eq!(
        reason(format!("m {field}=1")),
        "max key length exceeded: 65536 > 65535"
    );
    let field = "f".repeat(longest - 5);
    assert!(
        parse_points(
            format!("m {field}=1").as_bytes(),
            Precision::Nanoseconds,
            NOW
        )
        .is_ok()
    );
}

#[test]
fn points_without_a_form_are_not_written() {
    let message = |point: Point| write_points([&point]).unwrap_err().to_string();
    let point = || Point::new("m", 1).tag("host", "a");
    assert_eq!(
        message(point().field("v", f64::NAN)),
        "point m,host=a: no field with a value that can be stored (NaN and infinity cannot)"
    );
    assert_eq!(
        message(point().field("v", 1.0).tag("path", "C:\\")),
        "point m,host=a,path=C:\\: the tag value \"C:\\\\\" ends with a backslash, which would hide what follows it"
    );
    assert_eq!(
        message(point().field("a\nb", 1.0)),
        "point m,host=a: the field key \"a\\nb\" has a newline, for which line protocol has no escape"
    );
    assert_eq!(
        message(Point::new("", 1).field("v", 1.0)),
        "a point without a measurement cannot be written"
    );
    assert_eq!(
        message(Point::new("#m", 1).field("v", 1.0)),
        "point #m: the measurement \"#m\" begins with '#', which makes the line a comment"
    );
    let written = write_points([&point().field("bad", f64::INFINITY).field("good", 2.0)]);
    assert_eq!(written.unwrap(), b"m,host=a good=2 1\n");
}

fn body(case: &Case) -> Vec<u8> {
    match case.optional("escaped") {
        Some(text) => unescape(text.trim_end_matches('\n')),
        None => case.input("lp").as_bytes().to_owned(),
    }
}

fn precision(case: &Case) -> Precision {
    let name = case.optional("precision").unwrap_or("ns");
    name.trim().parse().expect("a precision")
}

fn show(out: &mut String, line: &Line<'_, '_>) {
    let mut key = Vec::new();
    line.append_series_key(&mut key);
    let key = String::from_utf8(key).unwrap();
    writeln!(out, "line {}: {key} @ {}", line.number, line.timestamp).unwrap();
    writeln!(out, "  measurement {:?}", line.measurement).unwrap();
    for tag in line.tags {
        writeln!(out, "  tag {:?} = {:?}", tag.key, tag.value).unwrap();
    }
    for field in line.fields {
        writeln!(out, "  field {:?} = {:?}", field.key, field.value).unwrap();
    }
}
