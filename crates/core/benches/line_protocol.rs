//! Line protocol read and written, in field values a second: `cargo bench -p watchpost-core`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use watchpost_core::line_protocol::{Lines, Precision, append_point, parse_points};
use watchpost_core::point::Point;

const LINES: usize = 5_000;
const FIELDS: usize = 40;

/// A body as an agent sends it: five tags, and floats and integers of ordinary length.
fn body() -> String {
    let mut body = String::new();
    for line in 0..LINES {
        let host = line % 100;
        body.push_str(&format!(
            "system_metrics,environment=prod,host=server-{host},metric_type=cpu,region=eu-west-1,service=web "
        ));
        for field in 0..FIELDS {
            let separator = if field == 0 { "" } else { "," };
            let number = (line * 7919 + field * 104_729) % 1_000_003;
            if field % 2 == 0 {
                body.push_str(&format!(
                    "{separator}cpu_usage_{field}_percent={}",
                    number as f64 / 10_000.0
                ));
            } else {
                body.push_str(&format!(
                    "{separator}disk_read_{field}_bytes={}i",
                    number * 65_537
                ));
            }
        }
        body.push_str(&format!(
            " {}\n",
            1_709_251_200_000_000_000_u64 + line as u64 * 1_000_000_000
        ));
    }
    body
}

fn read(criterion: &mut Criterion) {
    let body = body();
    let mut group = criterion.benchmark_group("line_protocol");
    group.throughput(Throughput::Elements((LINES * FIELDS) as u64));
    group.bench_function("parse, 5000 lines of 40 fields", |bencher| {
        bencher.iter(|| {
            let mut lines = Lines::new(body.as_bytes(), Precision::Nanoseconds, 0);
            let mut values = 0;
            while let Some(line) = lines.next_line() {
                values += black_box(line.expect("the body is good").fields).len();
            }
            assert_eq!(values, LINES * FIELDS);
        });
    });
    let points: Vec<Point> =
        parse_points(body.as_bytes(), Precision::Nanoseconds, 0).expect("the body is good");
    group.bench_function("write, 5000 points of 40 fields", |bencher| {
        let mut out = Vec::with_capacity(body.len() * 2);
        bencher.iter(|| {
            out.clear();
            for point in &points {
                append_point(&mut out, black_box(point)).expect("the points are good");
            }
        });
    });
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
