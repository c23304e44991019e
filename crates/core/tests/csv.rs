//! Annotated CSV: what InfluxDB sends is read into typed tables, and written back the same.

use std::fmt::Write;

use watchpost_core::csv::{
    Annotation, Column, DataType, Dialect, ReadError, Reader, Table, Value, Writer, append_text,
    format_float, read_tables,
};
use watchpost_testkit::cases::{self, Outputs};

use crate::escapes::unescape;

const ROWS: usize = 1_000;

#[test]
fn answers_are_read() {
    cases::run("testdata/csv_read.md", |case| -> Outputs {
        let text = case
            .optional("csv")
            .map(|csv| csv.replace('\n', "\r\n").into_bytes());
        let bytes = text.unwrap_or_else(|| unescape(case.input("escaped").trim_end()));
        match read_tables(&bytes, ROWS) {
            Ok(tables) => tables.iter().map(show).collect::<String>().into(),
            Err(error) => format!("error: {error}").into(),
        }
    });
}

/// What was read is written again, with the annotations the case asks for.
#[test]
fn answers_are_written_as_they_came() {
    cases::run("testdata/csv_write.md", |case| {
        let bytes = case.input("csv").replace('\n', "\r\n").into_bytes();
        let tables = read_tables(&bytes, ROWS).unwrap();
        let annotated = write(Dialect::annotated(), &tables);
        assert_eq!(annotated, bytes, "{}: the bytes differ", case.name);
        let plain = write(Dialect::default(), &tables);
        let some = write(
            Dialect {
                annotations: vec![Annotation::Group, Annotation::DataType],
                header: false,
                delimiter: ';',
            },
            &tables,
        );
        vec![
            ("annotated", annotated),
            ("header only", plain),
            ("group and datatype; semicolons", some),
        ]
        .into_iter()
        .map(|(name, bytes)| {
            (
                name,
                String::from_utf8(bytes).unwrap().replace("\r\n", "\n"),
            )
        })
        .collect::<Vec<_>>()
    });
}

fn write(dialect: Dialect, tables: &[Table]) -> Vec<u8> {
    let mut writer = Writer::new(dialect);
    for (place, table) in tables.iter().enumerate() {
        writer.begin_table(&table.result, &table.columns, table.is_empty());
        for row in table.rows() {
            let cells = row.values.iter();
            cells
                .fold(writer.row(), |writing, value| writing.value(value))
                .end();
        }
        let next = tables.get(place + 1);
        if next.is_none_or(|next| next.result != table.result) {
            writer.end_result();
        }
    }
    writer.take()
}

fn show(table: &Table) -> String {
    let mut out = format!(
        "table {} of {:?}, {} rows\n",
        table.id,
        table.result,
        table.row_count()
    );
    for column in table.columns.iter() {
        let group = if column.group { ", group" } else { "" };
        writeln!(
            out,
            "  column {:?}: {}{group}",
            column.label,
            column.data_type.name()
        )
        .unwrap();
    }
    for row in table.rows() {
        writeln!(out, "  {:?}", row.values).unwrap();
    }
    out
}

#[test]
fn an_answer_may_be_cut_anywhere() {
    let text = "#datatype,string,long,string,double\r\n#group,false,false,true,false\r\n\
                #default,_result,,,\r\n,result,table,host,_value\r\n,,0,\"a,\r\nb\",1.5\r\n\
                ,,1,c,2\r\n\r\n#datatype,string,long,long\r\n#group,false,false,false\r\n\
                #default,other,,\r\n,result,table,n\r\n,,0,7\r\n\r\n";
    let whole = read_tables(text.as_bytes(), ROWS).unwrap();
    assert_eq!(whole.len(), 3);
    for size in 1..text.len() {
        let mut reader = Reader::new(ROWS);
        let mut tables = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            reader.feed(piece).unwrap();
            tables.extend(std::iter::from_fn(|| reader.next_table()));
        }
        reader.finish().unwrap();
        tables.extend(std::iter::from_fn(|| reader.next_table()));
        assert_eq!(tables, whole, "in pieces of {size}");
    }
}

#[test]
fn a_table_comes_as_soon_as_the_next_one_begins() {
    let mut reader = Reader::new(ROWS);
    reader.feed(b",result,table,v\n,_result,0,1\n").unwrap();
    assert_eq!(reader.next_table(), None);
    reader.feed(b",_result,1,2\n").unwrap();
    assert_eq!(reader.next_table().map(|table| table.id), Some(0));
}

#[test]
fn the_row_limit_is_an_error_not_a_truncated_answer() {
    let text = ",result,table,v\n,_result,0,1\n,_result,0,2\n,_result,1,3\n";
    assert_eq!(
        read_tables(text.as_bytes(), 3).map(|tables| tables.len()),
        Ok(2)
    );
    let error = read_tables(text.as_bytes(), 2).unwrap_err();
    assert_eq!(error, ReadError::TooManyRows { limit: 2 });
}

#[test]
fn a_record_without_end_is_refused_in_time() {
    let mut reader = Reader::new(ROWS);
    let piece = vec![b'x'; 1 << 20];
    reader.feed(b"\"").unwrap();
    let fed = (0..20).try_for_each(|_| reader.feed(&piece));
    assert!(
        matches!(fed, Err(ReadError::Syntax { line: 1, .. })),
        "{fed:?}"
    );
}

#[test]
fn rows_are_read_by_label() {
    let text = "#datatype,string,long,dateTime:RFC3339,double,string,boolean,long,unsignedLong\n\
                #group,false,false,false,false,true,false,false,false\n#default,_result,,,,,,,\n\
                ,result,table,_time,_value,host,ok,n,u\n,,0,2024-03-01T00:00:00Z,1.5,a,true,-3,4\n";
    let tables = read_tables(text.as_bytes(), ROWS).unwrap();
    let row = tables[0].row(0);
    assert_eq!(row.time("_time"), Some(1_709_251_200_000_000_000));
    assert_eq!(row.f64("_value"), Some(1.5));
    assert_eq!(
        (row.i64("n"), row.f64("n"), row.f64("u")),
        (Some(-3), Some(-3.0), Some(4.0))
    );
    assert_eq!(
        (row.str("host"), row.bool("ok"), row.str("nope")),
        (Some("a"), Some(true), None)
    );
    assert_eq!(tables[0].column("host"), Some(2));
}

#[test]
fn floats_have_no_exponent() {
    let cases = [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (123_456_789.123_456_79, "123456789.12345679"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ];
    for (value, text) in cases {
        assert_eq!(format_float(value), text);
    }
    assert_eq!(format_float(5e-324).len(), 326);
}

#[test]
fn texts_are_quoted_as_go_does() {
    let cases = [
        ("", ""),
        ("plain text", "plain text"),
        ("a,b", "\"a,b\""),
        ("a\"b", "\"a\"\"b\""),
        ("two\nlines", "\"two\r\nlines\""),
        ("a\rb", "\"ab\""),
        (" lead", "\" lead\""),
        ("\tlead", "\"\tlead\""),
        ("trail ", "trail "),
        ("\\.", "\"\\.\""),
        ("#x", "#x"),
    ];
    for (text, written) in cases {
        let mut out = Vec::new();
        append_text(&mut out, text, ',');
        assert_eq!(String::from_utf8(out).unwrap(), written);
    }
}

#[test]
fn an_error_after_rows_comes_as_a_table() {
    let mut writer = Writer::new(Dialect::annotated());
    writer.begin_table("_result", &[Column::new("v", DataType::Long, false)], false);
    writer.row().integer(1).end();
    writer.error("map: division by zero, again");
    let bytes = writer.take();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(
        text.ends_with(
            "\r\n\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n\
             ,error,reference\r\n,\"map: division by zero, again\",\r\n"
        ),
        "{text}"
    );
    let error = read_tables(&bytes, ROWS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the query failed: map: division by zero, again"
    );
}

#[test]
fn an_answer_without_tables_is_one_line_end() {
    let mut writer = Writer::new(Dialect::annotated());
    writer.end_result();
    assert_eq!((writer.len(), writer.take()), (2, b"\r\n".to_vec()));
    assert!(writer.is_empty());
    assert_eq!(read_tables(b"\r\n", ROWS), Ok(vec![]));
}

#[test]
fn cells_show_as_csv_shows_them() {
    let text = Value::String("a".into()).to_string() + &Value::Time(0).to_string();
    assert_eq!(
        text + &Value::Null.to_string() + &Value::Float(2.0).to_string(),
        "a1970-01-01T00:00:00Z2"
    );
}
