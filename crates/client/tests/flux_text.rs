//! Flux text that input cannot break out of.

use proptest::prelude::*;
use std::time::Duration;
use watchpost_client::flux_text::{
    duration, equals, float, one_of, regex_quoted, string, strings, time,
};

#[test]
fn literals_are_written_as_flux_reads_them() {
    assert_eq!(string("a\"b\\c\n\r\t${d}$"), r#""a\"b\\c\n\r\t\${d}$""#);
    assert_eq!(strings(["a", "b\""]), r#"["a", "b\""]"#);
    assert_eq!(time(1_709_251_200_000_000_000), "2024-03-01T00:00:00Z");
    assert_eq!(float(5.0).as_deref(), Some("5.0"));
    assert_eq!(float(1e21).as_deref(), Some("1000000000000000000000.0"));
    assert_eq!(float(f64::NAN), None);
    assert_eq!(duration(Duration::from_secs(90)), "1m30s");
    assert_eq!(equals("host", "a"), r#"r["host"] == "a""#);
    assert_eq!(
        one_of("host", ["a", "b"]),
        r#"(r["host"] == "a" or r["host"] == "b")"#
    );
    assert_eq!(one_of("host", [""; 0]), "false");
    assert_eq!(regex_quoted("/var.log(1)"), r"\/var\.log\(1\)");
}

/// Reads a literal as Flux does: the text, or `None` where the string ends early or interpolates.
fn read(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let (mut text, mut characters) = (String::new(), inner.chars().peekable());
    while let Some(character) = characters.next() {
        text.push(match character {
            '"' => return None,
            '$' if characters.peek() == Some(&'{') => return None,
            '\\' => match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other @ ('"' | '\\' | '$') => other,
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

proptest! {
    #[test]
    fn any_text_reads_back_as_itself(text in "(\\PC|[\"\\\\${}\n\r\t]){0,40}") {
        prop_assert_eq!(read(&string(&text)), Some(text));
    }
}
