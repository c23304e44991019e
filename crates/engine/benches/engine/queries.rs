//! The ten queries that dashboards ask most, over the workload's hours.

use std::time::{Duration, Instant};

use watchpost_testkit::workload::BEGIN;

use crate::server::Client;

/// Runs of each query; the median counts.
const RUNS: usize = 7;

/// A query and what it is called.
pub(crate) struct Query {
    pub(crate) name: &'static str,
    flux: String,
}

const ONE_FIELD: &str = "|> filter(fn: (r) => r._measurement == \"system_metrics\" and r._field == \"cpu_usage_0_percent\")";

/// A source from one second since 1970 until before another.
fn between(start: i64, stop: i64) -> String {
    format!(
        "from(bucket: \"metrics\") |> range(start: time(v: {start}000000000), stop: time(v: {stop}000000000))"
    )
}

/// How many values one field has: as many as rows were written, each counted once.
pub(crate) fn count_of_one_field(hours: usize) -> String {
    let whole = between(BEGIN, BEGIN + hours as i64 * 3600);
    format!("{whole} {ONE_FIELD} |> group() |> count() |> keep(columns: [\"_value\"])")
}

/// The ten; the third both ways in which it can be read.
pub(crate) fn all(hours: usize) -> Vec<Query> {
    let stop = BEGIN + hours as i64 * 3600;
    let (whole, recent) = (between(BEGIN, stop), between(stop - 600, stop));
    let field = ONE_FIELD;
    let counter =
        "|> filter(fn: (r) => r._field == \"network_bytes_4\" and r.host == \"host-007\")";
    let host = "|> filter(fn: (r) => r.host == \"host-007\")";
    let mean = |every: &str| format!("|> aggregateWindow(every: {every}, fn: mean)");
    let query = |name, flux| Query { name, flux };
    vec![
        query("Q1 last of all, 10 min", format!("{recent} |> last()")),
        query("Q2 last of one field, 10 min", format!("{recent} {field} |> last()")),
        query("Q3 1 min means, 1 field, 1 host", format!("{whole} {field} {host} {}", mean("1m"))),
        query("Q3 the same, its 40 fields", format!("{whole} {host} {}", mean("1m"))),
        query("Q4 5 min means, 1 field, 200 hosts", format!("{whole} {field} {}", mean("5m"))),
        query(
            "Q5 the same, grouped and pivoted",
            format!(
                "{whole} {field} {} |> group() |> pivot(rowKey: [\"_time\"], columnKey: [\"host\"], valueColumn: \"_value\")",
                mean("5m")
            ),
        ),
        query("Q6 raw, 40 fields of 1 host", format!("{whole} {host}")),
        query("Q7 mean of 1 field over all", format!("{whole} {field} |> group() |> mean()")),
        query(
            "Q8 derivative of a counter",
            format!("{whole} {counter} |> derivative(unit: 1s, nonNegative: true)"),
        ),
        query("Q9 hourly means of everything", format!("{whole} {}", mean("1h"))),
        query(
            "Q10 tag values",
            "import \"influxdata/influxdb/schema\" schema.tagValues(bucket: \"metrics\", tag: \"host\", start: 2026-01-01T00:00:00Z)"
                .to_owned(),
        ),
    ]
}

/// Bytes of the answer and the median time until its last byte.
pub(crate) async fn median(client: &Client, query: &Query) -> (usize, Duration) {
    let mut bytes = 0;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        bytes = client.query(&query.flux).await.len();
        times.push(start.elapsed());
    }
    times.sort();
    (bytes, times[RUNS / 2])
}
