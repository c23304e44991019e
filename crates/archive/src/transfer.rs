//! Points from one server to another, or into a file of line protocol: a window of time after the other, so that memory
//! holds one window of one series, and what was broken off goes on at a window's beginning.

use std::future::Future;
use std::time::Duration;

use watchpost_client::query::Query;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, flux_text};
use watchpost_core::csv::{Row, Table, Value};
use watchpost_core::line_protocol::append_point;
use watchpost_core::point::{FieldValue, Point};

use crate::error::{Error, Result};

/// Lines that go at once: what the servers take best.
const BATCH_LINES: usize = 5_000;

/// How often a batch is sent again, and how long one waits between (unless the server says how long).
const TRIES: usize = 60;
const PAUSE: Duration = Duration::from_secs(1);

/// Rows of one window: some hundred megabytes.
const WINDOW_ROWS: usize = 5_000_000;

/// Bytes of the answer to one window.
const WINDOW_BYTES: usize = 2 << 30;

/// How long the query of a window may take: the server's own limit is shorter.
const WINDOW_TIME: Duration = Duration::from_secs(600);

/// An hour, in nanoseconds: what one query asks for.
pub const WINDOW: i64 = 3_600_000_000_000;

/// Columns that are neither tags nor part of a point.
pub const NO_TAGS: [&str; 8] = [
    "result",
    "table",
    "_start",
    "_stop",
    "_time",
    "_value",
    "_field",
    "_measurement",
];

/// Takes lines of line protocol.
pub trait Lines {
    /// Takes whole lines; when it returns, they are kept.
    fn take(&mut self, lines: &[u8]) -> impl Future<Output = Result<()>>;
}

/// Writes to a bucket of a server.
pub struct ToBucket {
    /// The server.
    pub client: Client,
    /// The bucket's name.
    pub bucket: String,
}

impl Lines for ToBucket {
    async fn take(&mut self, lines: &[u8]) -> Result<()> {
        for _ in 0..TRIES {
            let written = self
                .client
                .write(&self.bucket, Precision::Nanoseconds, lines);
            match written.await {
                Outcome::Done => return Ok(()),
                Outcome::RetryAfter { after, .. } => {
                    tokio::time::sleep(after.unwrap_or(PAUSE)).await
                }
                Outcome::Split { message } | Outcome::Refused { message, .. } => {
                    return Err(Error::Refused(format!("bucket {}: {message}", self.bucket)));
                }
                Outcome::RejectedLines(rejection) => {
                    return Err(Error::Refused(format!(
                        "bucket {}: {rejection:?}",
                        self.bucket
                    )));
                }
            }
        }
        Err(Error::Refused(format!(
            "bucket {}: the server takes no writes; start again, what is written twice counts once",
            self.bucket
        )))
    }
}

/// Nanoseconds from the first point of a bucket to just after its last; `None` if it is empty.
///
/// # Errors
/// The server refuses.
pub async fn extent(client: &Client, bucket: &str) -> Result<Option<(i64, i64)>> {
    let ever = "1677-09-22T00:00:00Z, stop: 2262-04-11T00:00:00Z";
    let first = one_time(client, bucket, ever, ("first", false)).await?;
    let last = one_time(client, bucket, ever, ("last", true)).await?;
    Ok(first.zip(last).map(|(first, last)| (first, last + 1)))
}

/// The beginning of the first window at or after a time that holds points; `stop` if there is none.
///
/// # Errors
/// The server refuses.
pub async fn next_window(client: &Client, bucket: &str, (from, stop): (i64, i64)) -> Result<i64> {
    let range = format!("{}, stop: {}", flux_text::time(from), flux_text::time(stop));
    let first = one_time(client, bucket, &range, ("first", false)).await?;
    let window = first.map(|first| first.div_euclid(WINDOW) * WINDOW);
    Ok(window.map_or(stop, |window| window.max(from)))
}

async fn one_time(
    client: &Client,
    bucket: &str,
    range: &str,
    (pick, desc): (&str, bool),
) -> Result<Option<i64>> {
    let text = format!(
        "from(bucket: {bucket}) |> range(start: {range}) |> {pick}() |> keep(columns: [\"_time\"]) |> group() \
         |> sort(columns: [\"_time\"], desc: {desc}) |> limit(n: 1)",
        bucket = flux_text::string(bucket)
    );
    let tables = client.query(&Query::new(text).timeout(WINDOW_TIME)).await?;
    let times = tables.iter().flat_map(Table::rows);
    Ok(times.filter_map(|row| row.time("_time")).next())
}

/// Copies the points of a bucket in a range; gives how many values. `progress` hears of the time that was reached.
///
/// # Errors
/// One of the servers refuses.
pub async fn copy(
    client: &Client,
    bucket: &str,
    (start, stop): (i64, i64),
    target: &mut impl Lines,
    progress: &(dyn Fn(i64) + Sync),
) -> Result<u64> {
    let mut values = 0;
    let mut from = start;
    while from < stop {
        let to = (from.div_euclid(WINDOW) + 1)
            .saturating_mul(WINDOW)
            .min(stop);
        let copied = copy_window(client, bucket, (from, to), target).await?;
        values += copied;
        from = to;
        if copied == 0 && from < stop {
            from = next_window(client, bucket, (from, stop)).await?;
        }
        progress(from);
    }
    Ok(values)
}

/// The query of a bucket's points in a window.
pub fn window_query(bucket: &str, (from, to): (i64, i64)) -> Query {
    let text = format!(
        "from(bucket: {}) |> range(start: {}, stop: {})",
        flux_text::string(bucket),
        flux_text::time(from),
        flux_text::time(to)
    );
    Query::new(text)
        .row_limit(WINDOW_ROWS)
        .byte_limit(WINDOW_BYTES)
        .timeout(WINDOW_TIME)
}

async fn copy_window(
    client: &Client,
    bucket: &str,
    range: (i64, i64),
    target: &mut impl Lines,
) -> Result<u64> {
    let query = window_query(bucket, range);
    let mut tables = client.query_stream(&query).await?;
    let (mut lines, mut count, mut values) = (Vec::new(), 0, 0);
    while let Some(table) = tables.next_table().await? {
        for line in lines_of(&table)? {
            lines.extend(line);
            count += 1;
            values += 1;
            if count == BATCH_LINES {
                target.take(&lines).await?;
                lines.clear();
                count = 0;
            }
        }
    }
    if count > 0 {
        target.take(&lines).await?;
    }
    Ok(values)
}

/// Measurement, field and time of a row.
///
/// # Errors
/// The row is of no series.
pub fn cells_of(row: Row<'_>) -> Result<(&str, &str, i64)> {
    let bad = |what: &str| {
        Error::Server(watchpost_client::Error::Answer(format!(
            "a table of the answer has no {what}"
        )))
    };
    Ok((
        row.str("_measurement").ok_or_else(|| bad("_measurement"))?,
        row.str("_field").ok_or_else(|| bad("_field"))?,
        row.time("_time").ok_or_else(|| bad("_time"))?,
    ))
}

/// The rows of a series as lines.
///
/// # Errors
/// The table is no series: a column is missing, or of a type that no field has.
pub fn lines_of(table: &Table) -> Result<Vec<Vec<u8>>> {
    let labels = table.columns.iter().map(|column| column.label.as_str());
    let tags: Vec<&str> = labels.filter(|label| !NO_TAGS.contains(label)).collect();
    let mut lines = Vec::with_capacity(table.row_count());
    for row in table.rows() {
        let (measurement, field, time) = cells_of(row)?;
        let Some(value) = row.get("_value").and_then(field_value) else {
            continue;
        };
        let mut point = Point::new(measurement, time).field(field, value);
        for tag in &tags {
            if let Some(text) = row.str(tag).filter(|text| !text.is_empty()) {
                point = point.tag(*tag, text);
            }
        }
        let mut line = Vec::new();
        // A float that is not finite is none that a server keeps.
        if append_point(&mut line, &point).is_ok() {
            lines.push(line);
        }
    }
    Ok(lines)
}

fn field_value(value: &Value) -> Option<FieldValue> {
    Some(match value {
        Value::Float(value) => FieldValue::Float(*value),
        Value::Integer(value) => FieldValue::Integer(*value),
        Value::Unsigned(value) => FieldValue::Unsigned(*value),
        Value::Boolean(value) => FieldValue::Boolean(*value),
        Value::String(value) => FieldValue::String(value.to_string()),
        _ => return None,
    })
}
