//! Random deletes.

use super::Dice;

/// A predicate, and the range that it is for.
pub(super) fn delete(dice: &mut Dice) -> (String, &'static str, &'static str) {
    let (start, stop) = match dice.below(4) {
        0 => ("2023-11-14T22:11:00Z", "2023-11-14T22:15:00Z"),
        1 => ("1970-01-01T00:00:00Z", "2023-11-14T22:12:30Z"),
        2 => ("2024-01-01", "2025-01-01T00:00:00Z"),
        _ => ("1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"),
    };
    (predicate(dice), start, stop)
}

fn predicate(dice: &mut Dice) -> String {
    if dice.percent(6) {
        return dice
            .of(&[
                "",
                " ",
                "\t",
                "()",
                "host",
                "host=",
                "=\"a\"",
                "host=\"a\" AND",
                "AND host=\"a\"",
                "host=\"a",
                "1=1",
            ])
            .to_owned();
    }
    let mut text = comparison(dice);
    for _ in 0..dice.below(3) {
        let next = comparison(dice);
        let operator = dice.of(&[" AND ", " and ", " AND ", " AND ", " OR "]);
        text = match dice.percent(20) {
            true => format!("({text}){operator}{next}"),
            false => format!("{text}{operator}{next}"),
        };
    }
    match dice.below(12) {
        0 => format!("({text})"),
        1 => format!("(({text}))"),
        2 => format!("({text}"),
        3 => format!("{text})"),
        4 => format!(" {text} "),
        _ => text,
    }
}

fn comparison(dice: &mut Dice) -> String {
    let key = dice.of(&[
        "_measurement",
        "_measurement",
        "host",
        "host",
        "region",
        "kind",
        "loc",
        "nope",
        "\"host\"",
        "'host'",
        "_field",
        "from",
        "time",
    ]);
    let operator = dice.of(&["=", "=", "=", "!=", "!=", " = ", "=~", "<>", ">", "=="]);
    // InfluxDB stops at the measurement that is named, whatever the operator: docs/influxql.md.
    let operator = match (key, operator) {
        ("_measurement", "!=" | "<>") => "=",
        (_, operator) => operator,
    };
    let value = dice.of(&[
        "\"a\"",
        "\"b\"",
        "\"cpu\"",
        "\"mem\"",
        "\"sparse\"",
        "\"eu\"",
        "\"x\"",
        "a",
        "cpu",
        "'a'",
        "\"\"",
        "1",
        "-1",
        "1.5",
        "10s",
        "true",
        "/a/",
        "\"nope\"",
        "from",
    ]);
    format!("{key}{operator}{value}")
}
