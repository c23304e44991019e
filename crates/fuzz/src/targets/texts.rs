//! The small languages of `core`, and cron.

use watchpost_core::csv::read_tables;
use watchpost_core::duration::Duration;
use watchpost_core::line_protocol::{Precision, parse_points, write_points};
use watchpost_core::regular_expression::Regex;
use watchpost_core::time::{format_rfc3339, parse_rfc3339};
use watchpost_engine::tasks::cron::Cron;

use super::{Answer, PARSER, Target, text};
use crate::corpus::Seeds;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "line_protocol",
        about: "points as they are written",
        seeds: Seeds {
            blocks: &[
                ("crates/core/testdata/line_protocol_accepted.md", "lines"),
                ("crates/core/testdata/line_protocol_refused.md", "lines"),
            ],
            texts: &[
                "m,k=a\\ b,l=c v=1.5e3,n=-7i,u=8u,b=t,s=\"x \\\" y\" 1700000000",
                "# comment\n\nm v=1 1\r\nm v=2 2\n",
                "m,time=1 time=2 9223372036854775807",
            ],
            ..Seeds::NONE
        },
        words: &[
            ",",
            " ",
            "=",
            "\\ ",
            "\\,",
            "\\=",
            "\\\"",
            "\"",
            "\n",
            "i",
            "u",
            "t",
            "true",
            "False",
            "#",
            "é",
            "\\",
            "m,k=v v=1 1\n",
        ],
        make: || Box::new(line_protocol),
        ..PARSER
    },
    Target {
        name: "annotated_csv",
        about: "what queries answer, read by clients",
        seeds: Seeds {
            blocks: &[("crates/core/testdata/csv_read.md", "csv")],
            texts: &[
                "#datatype,string,long,dateTime:RFC3339,double,string\n#group,false,false,false,false,true\n#default,_result,,,,\n,result,table,_time,_value,host\n,,0,2024-01-01T00:00:00Z,1.5,a\n,,1,2024-01-01T00:00:00Z,2.5,b\n",
            ],
            ..Seeds::NONE
        },
        words: CSV_WORDS,
        make: || Box::new(|input| Answer::of(&read_tables(input, 10_000))),
        ..PARSER
    },
    Target {
        name: "duration",
        about: "1h30m, and what is added to times",
        seeds: Seeds {
            texts: &["1h30m", "-5d", "1mo2w", "1y", "500ms", "3us", "7ns", "10s"],
            ..Seeds::NONE
        },
        words: &[
            "1",
            "y",
            "mo",
            "w",
            "d",
            "h",
            "m",
            "s",
            "ms",
            "us",
            "µs",
            "ns",
            "-",
            "9223372036854775807",
        ],
        longest: 4 << 10,
        make: || Box::new(duration),
        ..PARSER
    },
    Target {
        name: "time",
        about: "times of RFC 3339",
        seeds: Seeds {
            texts: &[
                "2024-02-29T23:59:60.123456789Z",
                "1677-09-21T00:12:43+14:00",
                "2262-04-11T23:47:16-00:30",
            ],
            ..Seeds::NONE
        },
        words: &["T", "Z", "-", ":", "+", ".", "00", "99", "2024", "9999"],
        longest: 4 << 10,
        make: || Box::new(time),
        ..PARSER
    },
    Target {
        name: "regular_expression",
        about: "RE2's patterns; behind a NUL the text that is searched",
        seeds: Seeds {
            texts: &[
                "^(a|b)*c{2,5}\0aabcc",
                "(?i)\\pL+\\d[^\\s\\x{10FFFF}]\0Ab1x",
                "[[:alpha:]-z]\\b\\Q.\\E\0q.",
                "(?P<n>x)(?:y){1,1000}\0xy",
            ],
            ..Seeds::NONE
        },
        words: &[
            "(",
            ")",
            "(?:",
            "(?i)",
            "(?P<a>",
            "[",
            "]",
            "[^",
            "[[:digit:]]",
            "{2,5}",
            "{1000}",
            "{0,}",
            "*",
            "+?",
            "|",
            "^",
            "$",
            "\\b",
            "\\pL",
            "\\p{Greek}",
            "\\PN",
            "\\x{1F600}",
            "\\Q",
            "\\E",
            "\\d",
            "\\",
            ".",
            "\0",
        ],
        nests: &[
            ("(", ")"),
            ("(?:", ")*"),
            ("(a|", ")"),
            ("[", "]"),
            ("(?i:", ")"),
            ("(", "){1,1000}"),
            ("", "*"),
            ("", "{2}"),
        ],
        make: || Box::new(regular_expression),
        ..PARSER
    },
    Target {
        name: "cron",
        about: "when a task runs",
        seeds: Seeds {
            texts: &[
                "0 * * * *",
                "*/5 1-9/2 1,15 jan-mar mon",
                "0 30 2 29 2 ?",
                "@daily",
                "0 0 31 4 *",
            ],
            ..Seeds::NONE
        },
        words: &[
            "*",
            "*/5",
            "1-9",
            ",",
            "jan",
            "sun",
            "7",
            "?",
            "@hourly",
            "@every",
            "60",
            " ",
            "0 0 29 2 *",
        ],
        longest: 64 << 10,
        make: || Box::new(cron),
        ..PARSER
    },
];

pub(super) const CSV_WORDS: &[&str] = &[
    "#datatype,",
    "#group,",
    "#default,",
    "string,long,",
    "dateTime:RFC3339",
    "double",
    "boolean",
    "unsignedLong",
    "duration",
    "base64Binary",
    ",",
    "\n",
    "\r\n",
    "\"",
    "\"\"",
    "result,table",
    "_time",
    "_value",
    "true",
    "error,reference",
    "2024-01-01T00:00:00Z",
    "NaN",
    "+Inf",
];

fn line_protocol(input: &[u8]) -> Answer {
    let precision = [Precision::Nanoseconds, Precision::Seconds][input.len() % 2];
    let points = match parse_points(input, precision, 1) {
        Ok(points) => points,
        Err(errors) => return Answer::refused(errors),
    };
    if let Ok(written) = write_points(&points) {
        let again = parse_points(&written, Precision::Nanoseconds, 1);
        assert!(
            again.is_ok_and(|again| again.len() == points.len()),
            "what was written cannot be read"
        );
    }
    Answer::taken(points.len().min(3))
}

fn duration(input: &[u8]) -> Answer {
    let parsed = text(input).parse::<Duration>();
    if let Ok(duration) = &parsed {
        assert_eq!(
            duration.to_string().parse().as_ref(),
            Ok(duration),
            "another duration"
        );
        for time in [0, i64::MAX, i64::MIN] {
            let _ = (
                duration.add_to(time),
                duration.subtract_from(time),
                duration.checked_mul(time),
            );
        }
    }
    Answer::of(&parsed)
}

fn time(input: &[u8]) -> Answer {
    let parsed = parse_rfc3339(&text(input));
    if let Ok(time) = parsed {
        assert_eq!(
            parse_rfc3339(&format_rfc3339(time)),
            Ok(time),
            "another time"
        );
    }
    Answer::of(&parsed)
}

fn regular_expression(input: &[u8]) -> Answer {
    let input = text(input);
    let (pattern, searched) = input.split_once('\0').unwrap_or((&input, "abc"));
    let compiled = Regex::new(pattern);
    if let Ok(compiled) = &compiled {
        let matches = compiled.is_match(searched);
        if let Ok(as_written) = compiled.finder() {
            assert_eq!(
                as_written.is_match(searched),
                matches,
                "factored, it is another"
            );
        }
        return Answer::taken(matches);
    }
    Answer::of(&compiled)
}

fn cron(input: &[u8]) -> Answer {
    let parsed = Cron::parse(&text(input));
    if let Ok(cron) = &parsed {
        let mut time = 1_700_000_000_000_000_000;
        for _ in 0..3 {
            match cron.next_after(time) {
                Some(next) => {
                    assert!(next > time, "the next time is not later");
                    time = next;
                }
                None => return Answer::taken("never"),
            }
        }
    }
    Answer::of(&parsed)
}
