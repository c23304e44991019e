//! Regular expressions by RE2's rules: what matches, and what is refused in which words.

use std::fmt::Write;

use watchpost_core::regular_expression::{Fault, Regex, quote};
use watchpost_testkit::cases;

use crate::escapes::unescape;

/// Each line is a pattern, or a pattern and texts behind ` <- `.
#[test]
fn suite() {
    cases::run("testdata/regular_expression.md", |case| {
        let mut out = String::new();
        for line in case.input("patterns").lines() {
            let (pattern, texts) = line.split_once(" <- ").unwrap_or((line, ""));
            let answer = match Regex::new(pattern) {
                Err(error) => error.to_string(),
                Ok(_) if texts.is_empty() => "taken".to_owned(),
                Ok(regex) => found(&regex, texts),
            };
            writeln!(out, "{pattern} -> {answer}").unwrap();
        }
        out
    });
}

fn found(regex: &Regex, texts: &str) -> String {
    let texts = texts.split(' ').map(|text| {
        let bytes = unescape(text);
        let text = String::from_utf8(bytes).unwrap();
        match regex.finder().unwrap().find(&text) {
            Some(found) => format!("{:?}", found.as_str()),
            None => "none".to_owned(),
        }
    });
    texts.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_pattern_shows_as_it_was_written_and_quoted_text_matches_itself() {
    let text = r"a\d (b) [c] {2} x|y ^$ *+? ö - # & ~";
    let regex = Regex::anchored(&quote(text)).unwrap();
    assert!(regex.is_match(text));
    assert_eq!(Regex::new(r"\Qa.b\E\d").unwrap().as_str(), r"\Qa.b\E\d");
}

#[test]
fn anchors_are_no_part_of_a_pattern() {
    let refused = |pattern: &str| Regex::anchored(pattern).unwrap_err().to_string();
    assert_eq!(
        refused("(a"),
        "error parsing regexp: missing closing ): `(a`"
    );
    assert_eq!(
        refused("a)(b"),
        "error parsing regexp: unexpected ): `a)(b`"
    );
    let whole = Regex::anchored("a|b").unwrap();
    assert!(whole.is_match("b") && !whole.is_match("ab"));
}

/// On a quarter of a worker thread's stack.
#[test]
fn a_million_of_anything_is_refused_or_taken_on_a_small_stack() {
    for unit in [
        "(",
        "(?:",
        "(?i)",
        "[",
        "a",
        "a|",
        "(a)",
        "(?i)*",
        "a(?i)*",
        r"\Q",
        r"\pL",
        r"\w",
        "(a*)*",
        "x{1000}",
        ")",
        "|",
        "^",
        "(?P<n>",
        "\\",
        "[[:alpha:]]",
    ] {
        for length in [100_000, 1_000_000] {
            let pattern = unit.repeat(length / unit.len());
            let thread = std::thread::Builder::new().stack_size(512 << 10);
            let answer = thread
                .spawn(move || Regex::new(&pattern).map(drop))
                .unwrap();
            // What it answers is another matter: a process with an overflown stack would have ended.
            drop(answer.join().unwrap());
        }
    }
}

/// The deepest pattern that is taken is compiled, matched and dropped on a small stack; one more is refused.
#[test]
fn the_deepest_pattern_fits_a_small_stack() {
    let deep = |depth: usize, open: &str, close: &str| {
        format!("{}a{}", open.repeat(depth), close.repeat(depth))
    };
    let work = move || {
        for (open, close) in [
            ("(", ")"),
            ("(b|c*", ")+"),
            ("(?i:", "){0,1}"),
            ("(?:x|", "|y)*"),
        ] {
            // Two to the power of a thousand states are another limit's.
            match Regex::new(&deep(1000, open, close)) {
                Ok(regex) => assert!(regex.is_match("a") || open != "(", "{open}"),
                Err(error) => assert!(error.fault == Fault::Large && open != "(", "{error}"),
            }
            let refused = Regex::new(&deep(1001, open, close)).unwrap_err();
            assert_eq!(refused.fault, Fault::Nesting, "{open}");
        }
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(work).unwrap().join().unwrap();
}

/// Two thousand names are a small program, with classes within them, behind them or without: memory is counted, not time.
#[test]
fn two_thousand_alternatives_are_small() {
    for (suffix, tail) in [
        ("", ""),
        (".prod.example.org", ".prod-example.org"),
        (r"\w*", ""),
        (r"\d+", "7"),
        ("[a-z]*", "a"),
        (".*", ".org"),
    ] {
        let names: Vec<_> = (0..2000).map(|n| format!("host{n}{suffix}")).collect();
        for pattern in [names.join("|"), format!("^({})$", names.join("|"))] {
            let regex = Regex::new(&pattern).unwrap();
            assert!(regex.is_match(&format!("host1999{tail}")), "{suffix}");
            assert!(!regex.is_match("host-1.prod.example.org"), "{suffix}");
            let states = regex.memory() - pattern.len();
            assert!(states <= 256 << 10, "{suffix}: {states} bytes");
        }
    }
}

/// What nothing is common to is large, and still taken: the longest list of names, each with its bare dots.
#[test]
fn four_thousand_names_without_anything_in_common_are_taken() {
    let mut random = 1_u64;
    let mut letter = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        b"abcdefghijklmnopqrstuvwxyz."[(random >> 33) as usize % 27] as char
    };
    let mut name = || (0..62).map(|_| letter()).collect::<String>();
    let names: Vec<String> = (0..4000).map(|_| name()).collect();
    let regex = Regex::new(&names.join("|")).unwrap();
    assert!(regex.is_match(&names[3999]) && !regex.is_match("web-1.example.org"));
    assert!(regex.memory() <= 32 << 20, "{}", regex.memory());
}

/// The library looks at each character of a class whose case is ignored: a long list of wide ones is refused, and what
/// is written as a class but is none takes no time at all.
#[test]
fn ignoring_the_case_of_wide_classes_is_bounded() {
    for unit in [r"[^k]", r"[k-z]", r"\x{D800}", r"[\x{D800}]", r"\P{Any}"] {
        Regex::new(&format!("(?i){}", unit.repeat(200))).unwrap();
    }
    let wide = format!("(?i){}", r"[\x{1}-\x{10FFFF}]".repeat(100));
    assert_eq!(Regex::new(&wide).unwrap_err().fault, Fault::Large);
}

#[test]
fn a_fault_in_a_long_pattern_is_cited_by_its_place() {
    let names = vec!["web-1.prod.example.org"; 1000].join("|");
    let faults = [
        (
            format!("^({names}$"),
            "missing closing ): `(web-1.prod.example.org|web-1.prod.example.org|web-1.prod.exampl…` at byte 1 of 23002",
        ),
        (
            format!("{names})"),
            "unexpected ): `)` at byte 22999 of 23000",
        ),
        (
            format!("{names}|a**"),
            "invalid nested repetition operator: `**` at byte 23002 of 23003",
        ),
        (
            format!("{names}|[a"),
            "missing closing ]: `[a` at byte 23000 of 23002",
        ),
        (
            format!("{names}\\y|{names}"),
            "invalid escape sequence: `\\y` at byte 22999 of 46001",
        ),
    ];
    for (pattern, expected) in faults {
        let error = Regex::new(&pattern).unwrap_err().to_string();
        assert_eq!(error, format!("error parsing regexp: {expected}"));
    }
}
