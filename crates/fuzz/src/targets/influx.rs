//! InfluxQL and the predicate of a delete.

use watchpost_engine::api::delete_predicate;
use watchpost_engine::influxql;

use super::{Answer, PARSER, Target, text};
use crate::corpus::Seeds;

const INFLUX: Target = Target {
    words: &[
        "SELECT ",
        "FROM cpu ",
        "WHERE ",
        "GROUP BY ",
        "time(1m)",
        "fill(null)",
        "ORDER BY time DESC",
        "LIMIT 1",
        "SLIMIT 1",
        "tz('Europe/Berlin')",
        "mean(v)",
        "percentile(v, 5)",
        "top(v, host, 2)",
        "*",
        "/a/",
        "\"v\"",
        "'x'",
        "now() - 1h",
        "AND ",
        "OR ",
        "=",
        "!=",
        "=~ /a/",
        "<",
        ">",
        "(",
        ")",
        ",",
        ".",
        "::field",
        "::tag",
        "-",
        "+",
        "*",
        "%",
        "&",
        "|",
        "^",
        "SHOW TAG VALUES ",
        "SHOW SERIES ",
        "WITH KEY IN (\"host\")",
        "DELETE FROM ",
        "CREATE DATABASE x",
        ";",
        "INTO a..b",
        "1h",
        "$p",
        "true",
        "--c\n",
        "/*",
        "*/",
        "'2024-01-01'",
    ],
    nests: &[
        ("(", ")"),
        ("- ", ""),
        ("1+", ""),
        ("", "+1"),
        ("", " OR v=1"),
        ("v=1 AND ", ""),
        ("(SELECT v FROM ", ")"),
        ("f(", ")"),
        ("\"", "\""),
        ("SELECT ", " FROM a;"),
    ],
    ..PARSER
};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "influxql",
        about: "statements, parsed",
        seeds: Seeds {
            blocks: &[("crates/engine/testdata/influxql", "influxql")],
            ..Seeds::NONE
        },
        make: || Box::new(|input| Answer::of(&influxql::outline(&text(input)))),
        ..INFLUX
    },
    Target {
        name: "delete_predicate",
        about: "which points a delete means",
        seeds: Seeds {
            texts: &[
                "_measurement=\"cpu\" AND host=\"a\"",
                "host!='b' and (region=\"x\")",
                "\"a b\" = \"c\\\"d\"",
            ],
            ..Seeds::NONE
        },
        words: &[
            "_measurement",
            "=",
            "!=",
            "AND",
            "and",
            "OR",
            "(",
            ")",
            "\"",
            "'",
            "\\",
            "host",
            "=~",
            "/a/",
            "_time",
            "_field",
            "true",
            "1",
        ],
        nests: &[("(", ")"), ("a=b AND ", ""), ("", " AND a=\"b\"")],
        make: || {
            Box::new(|input| {
                Answer::of(
                    &delete_predicate::parse(&text(input)).map_err(|error| error.to_string()),
                )
            })
        },
        ..INFLUX
    },
];
