//! Points out of a server into files that other tools read, an hour a file: line protocol, annotated CSV or Parquet, of any
//! server of the InfluxDB 2 API. A file appears when it is whole, so an export that was broken off goes on where it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchpost_client::query::{Query, QueryStream};
use watchpost_client::{Client, flux_text};
use watchpost_core::csv::{Dialect, Table, Writer};
use watchpost_durable::{Disk, DiskFile};

use crate::error::{Error, Result};
use crate::parquet::Measurement;
use crate::transfer::{WINDOW, lines_of, next_window, window_query};

/// Bytes of CSV that are held before they go into the file.
const FLUSH_BYTES: usize = 1 << 20;

/// What the files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Line protocol, a field a line, nanoseconds
    Lp,
    /// Annotated CSV
    Csv,
    /// Parquet, a file a measurement
    Parquet,
}

/// What was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files that were written.
    pub files: u64,
    /// Files that were there already.
    pub there: u64,
    /// Values in the files that were written.
    pub values: u64,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Lp => "lp",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Writes the points of a bucket in a range into `FOLDER/BUCKET/date=YYYY-MM-DD/HH.ENDING`, of Parquet with
/// `measurement=NAME` between. Of the first and the last hour
/// what lies in the range goes into `HH.part.ENDING`, which is written anew each time, until the hour is whole.
///
/// # Errors
/// The server refuses, or a file cannot be written.
pub async fn export(
    client: &Client,
    bucket: &str,
    (start, stop): (i64, i64),
    folder: &Path,
    format: Format,
    progress: &(dyn Fn(i64) + Sync),
) -> Result<Exported> {
    let mut exported = Exported::default();
    let disk = Disk::default();
    let mut from = start;
    while from < stop {
        let to = (from.div_euclid(WINDOW) + 1)
            .saturating_mul(WINDOW)
            .min(stop);
        let is_whole = to - from == WINDOW;
        let hour = Hour {
            disk: &disk,
            folder: folder.join(plain(bucket)),
            from,
            is_whole,
            format,
        };
        let mut is_empty = false;
        if is_whole && hour.is_there()? {
            exported.there += 1;
        } else {
            let query = window_query(bucket, (from, to));
            let tables = client.query_stream(&query).await?;
            let (files, values) = match format {
                Format::Parquet => hour.write_parquet(tables).await?,
                _ => hour.write(tables).await?,
            };
            exported.files += files;
            exported.values += values;
            is_empty = values == 0;
        }
        from = to;
        if is_empty && from < stop {
            from = next_window(client, bucket, (from, stop)).await?;
        }
        progress(from);
    }
    Ok(exported)
}

/// The files of an hour of a bucket.
struct Hour<'h> {
    disk: &'h Disk,
    folder: PathBuf,
    /// When it begins, nanoseconds since 1970.
    from: i64,
    is_whole: bool,
    format: Format,
}

impl Hour<'_> {
    /// `BELOW/date=YYYY-MM-DD/HH.ENDING`.
    fn path(&self, below: &str, ending: &str) -> Result<PathBuf> {
        let time = Timestamp::from_nanosecond(i128::from(self.from))
            .map_err(|error| Error::Refused(error.to_string()))?
            .to_zoned(TimeZone::UTC);
        let day = time.strftime("date=%Y-%m-%d").to_string();
        let file = format!("{}.{ending}", time.strftime("%H"));
        Ok(self.folder.join(below).join(day).join(file))
    }

    /// Where a file lies, and where it lies while the hour is not whole.
    fn paths(&self, below: &str) -> Result<(PathBuf, PathBuf)> {
        let ending = self.format.ending();
        let part = self.path(below, &format!("part.{ending}"))?;
        Ok((self.path(below, ending)?, part))
    }

    /// Of Parquet, which has several files an hour, an empty one says that all are there.
    fn mark(&self) -> Result<PathBuf> {
        self.path("_exported", "done")
    }

    fn is_there(&self) -> Result<bool> {
        let path = match self.format {
            Format::Parquet => self.mark()?,
            _ => self.paths("")?.0,
        };
        Ok(path.exists())
    }

    /// Files and values that were written.
    async fn write(&self, mut tables: QueryStream) -> Result<(u64, u64)> {
        let (whole, part) = self.paths("")?;
        let path = if self.is_whole { &whole } else { &part };
        let draft = watchpost_durable::draft_of(path);
        let mut file: Option<DiskFile> = None;
        let mut csv = Writer::new(Dialect::annotated());
        let mut values = 0;
        while let Some(table) = tables.next_table().await? {
            if table.is_empty() {
                continue;
            }
            if file.is_none() {
                if let Some(parent) = path.parent() {
                    self.disk.create_folder(parent)?;
                }
                file = Some(self.disk.create(&draft)?);
            }
            let Some(file) = &mut file else { continue };
            if self.format == Format::Csv {
                values += table.row_count() as u64;
                append_table(&mut csv, &table);
                if csv.len() >= FLUSH_BYTES {
                    file.append(&csv.take())?;
                }
            } else {
                let lines = lines_of(&table)?;
                values += lines.len() as u64;
                file.append(&lines.concat())?;
            }
        }
        let Some(mut file) = file else {
            return Ok((0, 0));
        };
        if self.format == Format::Csv {
            csv.end_result();
            file.append(&csv.take())?;
        }
        file.sync()?;
        self.disk.rename(&draft, path)?;
        if let Some(parent) = path.parent() {
            self.disk.sync_folder(parent)?;
        }
        if self.is_whole {
            self.disk.remove(&part)?;
        }
        Ok((1, values))
    }

    /// The same, a file a measurement: `measurement=NAME/date=YYYY-MM-DD/HH.parquet`.
    async fn write_parquet(&self, mut tables: QueryStream) -> Result<(u64, u64)> {
        let mut measurements = BTreeMap::new();
        while let Some(table) = tables.next_table().await? {
            Measurement::add(&mut measurements, &table)?;
        }
        let mut values = 0;
        for (name, measurement) in &measurements {
            let (whole, part) = self.paths(&format!("measurement={}", plain(name)))?;
            let path = if self.is_whole { &whole } else { &part };
            if let Some(parent) = path.parent() {
                self.disk.create_folder(parent)?;
            }
            self.disk.replace(path, &measurement.file(name)?)?;
            if self.is_whole {
                self.disk.remove(&part)?;
            }
            values += measurement.values();
        }
        if self.is_whole && !measurements.is_empty() {
            let mark = self.mark()?;
            if let Some(parent) = mark.parent() {
                self.disk.create_folder(parent)?;
            }
            self.disk.replace(&mark, b"")?;
        }
        Ok((measurements.len() as u64, values))
    }
}

/// A name as a folder may have it: it may hold anything, and must not lead anywhere else.
fn plain(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let leads_out = name == "." || name == "..";
    let letters = name.bytes().map(|byte| match is_plain(byte) && !leads_out {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02x}"),
    });
    letters.collect()
}

fn append_table(csv: &mut Writer, table: &Table) {
    csv.begin_table(&table.result, &table.columns, false);
    for row in table.rows() {
        let mut cells = csv.row();
        for value in row.values {
            cells = cells.value(value);
        }
        cells.end();
    }
}

/// The buckets of a server whose names do not begin with an underscore, which are its own.
///
/// # Errors
/// The server refuses.
pub async fn buckets(client: &Client) -> Result<Vec<String>> {
    let text = format!(
        "buckets() |> keep(columns: [{}])",
        flux_text::string("name")
    );
    let tables = client.query(&Query::new(text)).await?;
    let rows = tables.iter().flat_map(Table::rows);
    let names = rows.filter_map(|row| row.str("name").map(str::to_owned));
    Ok(names.filter(|name| !name.starts_with('_')).collect())
}
