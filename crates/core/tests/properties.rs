//! Properties: whatever is written reads back, and any bytes give a value or an error.

use proptest::collection::vec;
use proptest::prelude::*;
use watchpost_core::csv::{Column, DataType, Dialect, Table, Value, Writer, read_tables};
use watchpost_core::duration::Duration;
use watchpost_core::line_protocol::{Lines, Precision, parse_points, write_points};
use watchpost_core::point::{FieldValue, Point};
use watchpost_core::regular_expression::Regex;
use watchpost_core::time::{format_rfc3339, format_rfc3339_nine_digits, parse_rfc3339};

/// Names full of the letters that need care.
fn name() -> impl Strategy<Value = String> {
    "[ab ,=\"\\\\é#☃\t]{1,8}"
}

fn field_value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(FieldValue::Float),
        any::<i64>().prop_map(FieldValue::Integer),
        any::<u64>().prop_map(FieldValue::Unsigned),
        "[ab,= \"\\\\\n\ré]{0,12}".prop_map(FieldValue::String),
        any::<bool>().prop_map(FieldValue::Boolean),
    ]
}

fn point() -> impl Strategy<Value = Point> {
    let tags = vec((name(), name()), 0..4);
    let fields = vec((name(), field_value()), 1..4);
    (name(), tags, fields, i64::MIN + 2..i64::MAX).prop_map(|(measurement, tags, fields, time)| {
        let mut point = Point::new(measurement, time);
        for (key, value) in tags {
            point = point.tag(key, value);
        }
        for (key, value) in fields {
            point.set_field(key, value);
        }
        point
    })
}

/// Patterns with alternatives that have much in common, and conditions, repetitions and groups among them.
fn pattern() -> impl Strategy<Value = String> {
    let signs = [
        "a", "b", "ab", "ba", "é", ".", "[ab]", "[^a]", r"\w", r"\b", r"\B", "^", "$", "(?i)A", "",
    ];
    let sign = proptest::sample::select(signs.to_vec()).prop_map(str::to_owned);
    let leaf = vec(sign, 0..4).prop_map(|signs| signs.concat());
    leaf.prop_recursive(4, 48, 6, |inner| {
        let operator = proptest::sample::select(vec!["", "*", "+?", "??", "{0}", "{2}", "{1,3}"]);
        prop_oneof![
            vec(inner.clone(), 1..6).prop_map(|parts| parts.join("|")),
            vec(inner.clone(), 2..4).prop_map(|parts| parts.concat()),
            (inner, operator).prop_map(|(inner, operator)| format!("({inner}){operator}")),
        ]
    })
}

/// Bytes with the letters of line protocol and CSV far more often than chance has them.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let letters = b"m,= \"\\\n\r#0129-+.eiutfNaI\tdatypegroulbstnxzZT:\xff\xc3".to_vec();
    prop_oneof![
        vec(proptest::sample::select(letters), 0..200),
        vec(any::<u8>(), 0..100),
    ]
}

fn cell(data_type: DataType) -> BoxedStrategy<Value> {
    let value = match data_type {
        DataType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        DataType::Long => any::<i64>().prop_map(Value::Integer).boxed(),
        DataType::UnsignedLong => any::<u64>().prop_map(Value::Unsigned).boxed(),
        DataType::Double => any::<f64>()
            .prop_filter("NaN is not equal to itself", |value| !value.is_nan())
            .prop_map(Value::Float)
            .boxed(),
        DataType::Time => any::<i64>().prop_map(Value::Time).boxed(),
        // A carriage return does not survive Go's quoting.
        DataType::String => "[ab, \"\n#é\t]{1,8}"
            .prop_map(|text| Value::String(text.into()))
            .boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 4 => value].boxed()
}

fn table() -> impl Strategy<Value = Table> {
    use DataType::{Boolean, Double, Long, String, Time, UnsignedLong};
    let types = [Boolean, Long, UnsignedLong, Double, String, Time];
    vec(proptest::sample::select(types.to_vec()), 1..6).prop_flat_map(|types| {
        let row: Vec<_> = types.iter().map(|data_type| cell(*data_type)).collect();
        vec(row, 1..6).prop_map(move |rows| {
            let column = |(place, data_type): (usize, &DataType)| {
                Column::new(format!("c{place}"), *data_type, place % 2 == 0)
            };
            let columns: Vec<Column> = types.iter().enumerate().map(column).collect();
            let mut table = Table::new("_result", 0, columns);
            for row in rows {
                table.push_row(row);
            }
            table
        })
    })
}

proptest! {
    // Failures are told, not kept in a file: a case of the suites is the place for them.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Factored or as it was written, a pattern matches the same texts.
    #[test]
    fn factored_alternatives_match_the_same_texts(
        pattern in pattern(),
        texts in vec("[abAé\\n ]{0,6}", 1..12),
    ) {
        // A repetition right behind another one is refused.
        if let Ok(regex) = Regex::new(&pattern) {
            let as_written = regex.finder().unwrap();
            for text in texts {
                prop_assert_eq!(regex.is_match(&text), as_written.is_match(&text), "{} on {:?}", pattern, text);
            }
        }
    }

    #[test]
    fn written_points_read_back(points in vec(point(), 1..4)) {
        // What line protocol has no form for is refused whole; the rest has to survive.
        let points: Vec<Point> =
            points.into_iter().filter(|point| write_points([point]).is_ok()).collect();
        let body = write_points(&points).unwrap();
        match parse_points(&body, Precision::Nanoseconds, 0) {
            Ok(read) => prop_assert_eq!(read, points),
            Err(errors) => prop_assert!(false, "{}", errors),
        }
    }

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them(text in "-?[0-9]{0,20}\\.?[0-9]{0,20}") {
        let body = format!("m v={text}");
        let read = parse_points(body.as_bytes(), Precision::Nanoseconds, 0);
        match (read, text.parse::<f64>()) {
            (Ok(points), Ok(expected)) => {
                let expected = FieldValue::Float(expected);
                let read = format!("{:?}", points[0].get("v"));
                prop_assert_eq!(read, format!("{:?}", Some(expected)));
            }
            (Err(_), Err(_)) => {}
            (read, expected) => prop_assert!(false, "{:?} but {:?}", read, expected),
        }
    }

    #[test]
    fn any_body_gives_lines_or_reasons(body in hostile_bytes()) {
        let mut lines = Lines::new(&body, Precision::Seconds, i64::MIN);
        let newlines = body.iter().filter(|byte| **byte == b'\n').count();
        while let Some(line) = lines.next_line() {
            match line {
                Ok(line) => prop_assert!(line.number <= newlines + 1),
                Err(error) => prop_assert!((1..=newlines + 1).contains(&error.number)),
            }
        }
    }

    #[test]
    fn any_csv_gives_tables_or_a_place(body in hostile_bytes(), cut in 1_usize..50) {
        let whole = read_tables(&body, 100);
        let mut reader = watchpost_core::csv::Reader::new(100);
        let fed = body.chunks(cut).try_for_each(|piece| reader.feed(piece));
        let pieces = fed.and_then(|()| reader.finish()).map(|()| {
            std::iter::from_fn(|| reader.next_table()).collect::<Vec<Table>>()
        });
        // NaN cells are not equal to themselves, so compare what is shown.
        prop_assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
    }

    #[test]
    fn written_tables_read_back(table in table()) {
        let mut writer = Writer::new(Dialect::annotated());
        writer.begin_table("_result", &table.columns, false);
        for row in table.rows() {
            row.values.iter().fold(writer.row(), |writing, value| writing.value(value)).end();
        }
        writer.end_result();
        prop_assert_eq!(read_tables(&writer.take(), 1_000), Ok(vec![table]));
    }

    #[test]
    fn any_text_is_a_duration_or_an_error(text in "\\PC{0,20}|-?([0-9]{1,20}[a-zµ]{0,2}){0,4}") {
        if let Ok(duration) = text.parse::<Duration>() {
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
            let _ = duration.add_to(0).and_then(|time| duration.subtract_from(time));
        }
    }

    #[test]
    fn any_text_is_a_time_or_an_error(text in "\\PC{0,30}|[0-9T:Z.+-]{0,30}") {
        if let Ok(time) = parse_rfc3339(&text) {
            prop_assert_eq!(parse_rfc3339(&format_rfc3339(time)), Ok(time));
        }
    }

    #[test]
    fn every_time_reads_back(time in any::<i64>()) {
        prop_assert_eq!(parse_rfc3339(&format_rfc3339(time)), Ok(time));
        prop_assert_eq!(parse_rfc3339(&format_rfc3339_nine_digits(time)), Ok(time));
    }
}
