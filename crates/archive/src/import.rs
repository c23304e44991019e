//! Points from files into a server: line protocol, annotated CSV, or a backup folder of InfluxDB 2. Written in batches, so
//! that memory holds a few of them; what was broken off is simply begun again, for a point that is written twice counts once.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use watchpost_client::Client;
use watchpost_client::management::{NewBucket, RetentionRule};
use watchpost_core::csv::Reader;

use crate::error::{Error, Result};
use crate::influxdb::{self, folder};
use crate::transfer::{Lines, ToBucket, lines_of};

/// Bytes of lines that go at once.
const BATCH_BYTES: usize = 1 << 20;

/// Batches that wait for the server.
const BATCHES: usize = 4;

/// Longest line of line protocol: the servers take no longer one.
const LINE_BYTES: u64 = 4 << 20;

/// Rows of one table of a CSV.
const TABLE_ROWS: usize = 50_000_000;

/// Bytes of a CSV that are read at a time.
const READ_BYTES: usize = 256 << 10;

/// What is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Line protocol, nanoseconds.
    LineProtocol,
    /// As `influx query --raw` and the export write it.
    Csv,
    /// A folder of `influx backup`.
    Backup,
}

/// What was imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Values, of line protocol lines.
    pub values: u64,
    /// What could not be read, and why.
    pub damaged: Vec<String>,
}

/// The format that a name tells.
pub fn format_of(path: &Path) -> Format {
    let name = path.to_string_lossy();
    let name = name.trim_end_matches(".gz");
    match path.is_dir() {
        true => Format::Backup,
        false if name.ends_with(".csv") => Format::Csv,
        false => Format::LineProtocol,
    }
}

/// Writes a file's points.
///
/// # Errors
/// The file cannot be read, or the server refuses.
pub async fn file(path: &Path, format: &Format, target: &mut impl Lines) -> Result<Imported> {
    let (sender, receiver) = mpsc::channel(BATCHES);
    let (path, format) = (path.to_owned(), format.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let mut source = opened(&path)?;
        match format {
            Format::Csv => read_csv(&path, &mut source, &sender),
            _ => read_lines(&path, &mut source, &sender),
        }
    });
    written(receiver, reading, target).await
}

/// Writes a bucket of a backup folder of InfluxDB 2.
///
/// # Errors
/// The server refuses. What is damaged is in the answer.
pub async fn backup(
    path: &Path,
    bucket: &folder::Bucket,
    target: &mut impl Lines,
) -> Result<Imported> {
    let (sender, receiver) = mpsc::channel(BATCHES);
    let (path, bucket) = (path.to_owned(), bucket.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let mut batch = Batch::new(&sender);
        let read = influxdb::read(&path, &bucket, &mut |lines, values| {
            batch.add(&lines, values)
        })?;
        batch.end()?;
        Ok(read.damaged)
    });
    written(receiver, reading, target).await
}

async fn written(
    mut batches: mpsc::Receiver<(Vec<u8>, u64)>,
    reading: tokio::task::JoinHandle<Result<Vec<String>>>,
    target: &mut impl Lines,
) -> Result<Imported> {
    let mut imported = Imported::default();
    while let Some((lines, values)) = batches.recv().await {
        target.take(&lines).await?;
        imported.values += values;
    }
    let read = reading.await;
    imported.damaged = read.map_err(|error| Error::Refused(error.to_string()))??;
    Ok(imported)
}

/// A target for a bucket, which is made if it is not there.
///
/// # Errors
/// The server refuses.
pub async fn target(client: &Client, bucket: &str, retention_seconds: u64) -> Result<ToBucket> {
    if client.find_bucket(bucket).await?.is_none() {
        let org = client.find_org(&client.config().org).await?;
        let org = org.ok_or_else(|| {
            Error::Refused(format!(
                "the server has no organization {}",
                client.config().org
            ))
        })?;
        let new = NewBucket {
            org_id: org.id,
            name: bucket.to_owned(),
            description: None,
            retention_rules: vec![RetentionRule::expire(retention_seconds)],
        };
        client.create_bucket(&new).await?;
    }
    Ok(ToBucket {
        client: client.clone(),
        bucket: bucket.to_owned(),
    })
}

/// A file, decompressed if its name ends in `.gz`.
fn opened(path: &PathBuf) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    Ok(match path.extension().is_some_and(|it| it == "gz") {
        true => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))),
        false => Box::new(BufReader::new(file)),
    })
}

fn read_lines(
    path: &Path,
    source: &mut dyn BufRead,
    sender: &mpsc::Sender<(Vec<u8>, u64)>,
) -> Result<Vec<String>> {
    let mut batch = Batch::new(sender);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = Read::take(&mut *source, LINE_BYTES).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Error::file(path, error))?;
        if read == 0 {
            batch.end()?;
            return Ok(Vec::new());
        }
        let is_point = !line.trim_ascii().is_empty() && !line.starts_with(b"#");
        if is_point {
            if line.last() != Some(&b'\n') {
                line.push(b'\n');
            }
            batch.add(&line, 1)?;
        }
    }
}

fn read_csv(
    path: &Path,
    source: &mut dyn BufRead,
    sender: &mpsc::Sender<(Vec<u8>, u64)>,
) -> Result<Vec<String>> {
    let damaged = |error: &dyn std::fmt::Display| {
        Error::damaged(path.display().to_string(), error.to_string())
    };
    let mut batch = Batch::new(sender);
    let mut reader = Reader::new(TABLE_ROWS);
    let mut piece = vec![0; READ_BYTES];
    loop {
        let read = source
            .read(&mut piece)
            .map_err(|error| Error::file(path, error))?;
        match read {
            0 => reader.finish().map_err(|error| damaged(&error))?,
            read => reader
                .feed(&piece[..read])
                .map_err(|error| damaged(&error))?,
        }
        while let Some(table) = reader.next_table() {
            for line in lines_of(&table)? {
                batch.add(&line, 1)?;
            }
        }
        if read == 0 {
            batch.end()?;
            return Ok(Vec::new());
        }
    }
}

/// Lines on their way to the server.
struct Batch<'s> {
    lines: Vec<u8>,
    values: u64,
    sender: &'s mpsc::Sender<(Vec<u8>, u64)>,
}

impl<'s> Batch<'s> {
    fn new(sender: &'s mpsc::Sender<(Vec<u8>, u64)>) -> Self {
        Self {
            lines: Vec::new(),
            values: 0,
            sender,
        }
    }

    fn add(&mut self, lines: &[u8], values: u64) -> Result<()> {
        self.lines.extend(lines);
        self.values += values;
        match self.lines.len() >= BATCH_BYTES {
            true => self.end(),
            false => Ok(()),
        }
    }

    fn end(&mut self) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let batch = (
            std::mem::take(&mut self.lines),
            std::mem::take(&mut self.values),
        );
        // The other end goes when the server refuses, and says so.
        let sent = self.sender.blocking_send(batch);
        sent.map_err(|_| Error::Refused("the import ended early".to_owned()))
    }
}
