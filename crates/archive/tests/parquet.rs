//! Parquet files are read back equal by pyarrow and DuckDB, where Python has them.

use std::collections::BTreeMap;
use std::process::Command;

use watchpost_archive::parquet::{Column, Measurement, Values, write};
use watchpost_core::csv::read_tables;
use watchpost_testkit::{skip, temp_folder};

/// What Python prints; `None` where it or a module is missing.
fn python(program: &str, argument: &str) -> Option<String> {
    // By a file: a pipe that is not buffered takes a minute for this much.
    let printed = format!("{argument}.txt");
    let file = std::fs::File::create(&printed).expect("made");
    let mut command = Command::new("python3");
    command.args(["-c", program, argument]).stdout(file);
    let output = command.output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("ModuleNotFoundError") {
        return None;
    }
    assert!(output.status.success(), "{errors}");
    Some(std::fs::read_to_string(printed).expect("UTF-8"))
}

/// More rows than a group has, of every type, with and without values; numbers at the ends of what they can be.
fn columns(rows: usize) -> Vec<Column> {
    let every = |count: usize| move |row: usize| !row.is_multiple_of(count);
    let column = |name: &str, values: Values| Column {
        name: name.to_owned(),
        values,
    };
    let place = |row: usize| (row % 5 != 4).then_some((row / 1_000 % 3) as u32);
    let integers = [i64::MIN, i64::MAX, 0, -1, 1];
    let hosts = ["a", "b", "\u{fc}"].map(str::to_owned).to_vec();
    vec![
        column("host", Values::Tags(hosts, (0..rows).map(place).collect())),
        column(
            "one",
            Values::Tags(vec!["x".to_owned()], vec![Some(0); rows]),
        ),
        column(
            "time",
            Values::Times((0..rows).map(|row| row as i64 * 1_000_000_007).collect()),
        ),
        column(
            "float",
            Values::Floats(
                (0..rows)
                    .map(|row| every(3)(row).then_some(row as f64 / 7.0))
                    .collect(),
            ),
        ),
        column(
            "integer",
            Values::Integers(
                (0..rows)
                    .map(|row| every(4)(row).then_some(integers[row % 5]))
                    .collect(),
            ),
        ),
        column(
            "unsigned",
            Values::Unsigned((0..rows).map(|row| Some(u64::MAX - row as u64)).collect()),
        ),
        column(
            "text",
            Values::Texts(
                (0..rows)
                    .map(|row| every(2)(row).then(|| format!("t{row}")))
                    .collect(),
            ),
        ),
        column(
            "boolean",
            Values::Booleans(
                (0..rows)
                    .map(|row| every(7)(row).then_some(row % 2 == 1))
                    .collect(),
            ),
        ),
        column("none", Values::Floats(vec![None; rows])),
    ]
}

/// A line a row, as the Python below prints it.
fn expected(columns: &[Column], rows: usize) -> String {
    let text = |value: Option<String>| value.unwrap_or_else(|| "None".to_owned());
    let cell = |column: &Column, row: usize| match &column.values {
        Values::Tags(entries, places) => {
            text(places[row].map(|place| entries[place as usize].clone()))
        }
        Values::Times(times) => times[row].to_string(),
        Values::Floats(values) => {
            text(values[row].map(|value| format!("{:016x}", value.to_bits())))
        }
        Values::Integers(values) => text(values[row].map(|value| value.to_string())),
        Values::Unsigned(values) => text(values[row].map(|value| value.to_string())),
        Values::Texts(values) => text(values[row].clone()),
        Values::Booleans(values) => {
            text(values[row].map(|value| if value { "True" } else { "False" }.to_owned()))
        }
    };
    let line = |row| {
        columns
            .iter()
            .map(|column| cell(column, row))
            .collect::<Vec<_>>()
            .join("|")
    };
    (0..rows).map(|row| line(row) + "\n").collect()
}

const PYARROW: &str = "
import sys, struct, pyarrow as pa, pyarrow.parquet as pq
t = pq.read_table(sys.argv[1])
assert str(t.schema.field('time').type) == 'timestamp[ns, tz=UTC]', t.schema
assert str(t.schema.field('unsigned').type) == 'uint64', t.schema
t = t.set_column(t.schema.get_field_index('time'), 'time', t['time'].cast(pa.int64()))
cell = lambda v: 'None' if v is None else struct.pack('>d', v).hex() if isinstance(v, float) else str(v)
for row in zip(*[c.to_pylist() for c in t.columns]): print('|'.join(map(cell, row)))
m = pq.ParquetFile(sys.argv[1]).metadata
s = m.row_group(0).column(2).statistics
assert m.row_group(0).num_rows == min(m.num_rows, 100000) and (m.num_rows == 0 or s.null_count == 0), s
";

const DUCKDB: &str = "
import sys, struct, duckdb
q = \"select host, one, epoch_ns(time), float, integer, unsigned, text, boolean, none from read_parquet(?)\"
cell = lambda v: 'None' if v is None else struct.pack('>d', v).hex() if isinstance(v, float) else str(v)
for row in duckdb.execute(q, [sys.argv[1]]).fetchall(): print('|'.join(map(cell, row)))
";

#[test]
fn pyarrow_and_duckdb_read_what_was_written() {
    let folder = temp_folder();
    let mut tried = 0;
    for rows in [1, 129, 1_000, 100_500] {
        let columns = columns(rows);
        let file = write(&columns, rows, &BTreeMap::new()).expect("written");
        let path = folder.path().join(format!("{rows}.parquet"));
        std::fs::write(&path, file).expect("written");
        let path = path.to_str().expect("a name");
        let expected = expected(&columns, rows);
        for program in [PYARROW, DUCKDB] {
            if let Some(found) = python(program, path) {
                assert!(found == expected, "{rows} rows differ");
                tried += 1;
            }
        }
    }
    if tried == 0 {
        skip("python3 has neither pyarrow nor duckdb");
    }
}

#[test]
fn rows_are_sorted_and_missing_fields_are_null() {
    let csv = "#datatype,string,long,dateTime:RFC3339Nano,double,string,string,string\r\n\
               #group,false,false,false,false,true,true,true\r\n#default,_result,,,,,,\r\n\
               ,result,table,_time,_value,_field,_measurement,host\r\n\
               ,,0,1970-01-01T00:00:00.000000002Z,2,v,m,b\r\n\
               ,,0,1970-01-01T00:00:00.000000001Z,1,v,m,b\r\n\
               ,,1,1970-01-01T00:00:00.000000001Z,7,w,m,a\r\n\r\n";
    let tables = read_tables(csv.as_bytes(), 100).expect("tables");
    let mut all = BTreeMap::new();
    for table in &tables {
        Measurement::add(&mut all, table).expect("a series");
    }
    let file = all["m"].file("m").expect("written");
    assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
    let folder = temp_folder();
    let path = folder.path().join("m.parquet");
    std::fs::write(&path, file).expect("written");
    let program = "import sys, pyarrow.parquet as pq; f = sys.argv[1]; \
                   t = pq.read_table(f, columns=['v', 'host']).to_pydict(); \
                   print(t['v'], t['host'], pq.read_metadata(f).metadata)";
    match python(program, path.to_str().expect("a name")) {
        None => skip("python3 has no pyarrow"),
        Some(found) => {
            assert!(
                found.contains("[None, 1.0, 2.0] ['a', 'b', 'b']"),
                "{found}"
            );
            assert!(found.contains("iox::series::key"), "{found}");
        }
    }
}
