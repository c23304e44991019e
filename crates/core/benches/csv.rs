//! Annotated CSV read and written, in rows a second: `cargo bench -p watchpost-core`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use watchpost_core::csv::{Column, DataType, Dialect, Table, Value, Writer, read_tables};

const TABLES: i64 = 10;
const ROWS: i64 = 10_000;

/// Ten series as a query answers them: eleven columns, seven of them the group key.
fn tables() -> Vec<Table> {
    let text = |label: &str| Column::new(label, DataType::String, true);
    let columns = vec![
        Column::new("_start", DataType::Time, true),
        Column::new("_stop", DataType::Time, true),
        Column::new("_time", DataType::Time, false),
        Column::new("_value", DataType::Double, false),
        text("_field"),
        text("_measurement"),
        text("host"),
        text("metric_type"),
        text("region"),
    ];
    let start = 1_709_251_200_000_000_000;
    let series = |number: i64| {
        let mut table = Table::new("_result", number, columns.clone());
        let host: std::sync::Arc<str> = format!("server-{number}").into();
        for row in 0..ROWS {
            table.push_row([
                Value::Time(start),
                Value::Time(start + ROWS * 1_000_000_000),
                Value::Time(start + row * 1_000_000_000),
                Value::Float(((row * 7919) % 100_003) as f64 / 1_000.0),
                Value::String("cpu_usage_percent".into()),
                Value::String("system_metrics".into()),
                Value::String(host.clone()),
                Value::String("cpu".into()),
                Value::String("eu-west-1".into()),
            ]);
        }
        table
    };
    (0..TABLES).map(series).collect()
}

fn write(tables: &[Table]) -> Vec<u8> {
    let mut writer = Writer::new(Dialect::annotated());
    for table in tables {
        writer.begin_table(&table.result, &table.columns, false);
        for row in table.rows() {
            row.values
                .iter()
                .fold(writer.row(), |writing, value| writing.value(value))
                .end();
        }
    }
    writer.end_result();
    writer.take()
}

fn rows(criterion: &mut Criterion) {
    let tables = tables();
    let text = write(&tables);
    let mut group = criterion.benchmark_group("csv");
    group.throughput(Throughput::Elements((TABLES * ROWS) as u64));
    group.bench_function("parse, 100000 rows of 9 columns", |bencher| {
        bencher.iter(|| read_tables(black_box(&text), usize::MAX).expect("the text is good"));
    });
    group.bench_function("write, 100000 rows of 9 columns", |bencher| {
        bencher.iter(|| write(black_box(&tables)));
    });
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
