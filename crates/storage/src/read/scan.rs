//! Scans: the rows of matching series, field by field, in columns.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use watchpost_core::point::FieldType;

use crate::error::{Error, Result};
use crate::predicate::{Predicate, Residual};
use crate::read::reader::SeriesReader;
use crate::read::run::Run;
use crate::read::wave::{SeriesFields, Stop, Wave};
use crate::request::{ScanRequest, SeriesBatch};
use crate::store::Storage;
use crate::sync::read;

/// Rows after which a batch of a long field ends: half a megabyte of times and as much of values.
const BATCH_ROWS: usize = 65_536;

/// Batches in the order of series (measurement, then tags), then field, then time.
pub struct Scan<'s> {
    cursor: FieldCursor,
    /// Whole fields, decoded ahead.
    ready: VecDeque<SeriesBatch>,
    /// A long field, read a batch at a time.
    long: Option<LongField>,
    stop: Stop<'s>,
    failed: bool,
}

/// A field of more rows than a batch, and its next cluster.
#[derive(Debug)]
struct LongField {
    reader: SeriesReader,
    field: FieldToRead,
    cluster: usize,
}

/// Goes through the series of readers.
#[derive(Debug)]
pub(crate) struct FieldCursor {
    readers: std::vec::IntoIter<SeriesReader>,
    given_back: Option<SeriesFields>,
    predicate: Predicate,
}

/// A field that the predicate lets through.
#[derive(Clone, Debug)]
pub(crate) struct FieldToRead {
    pub(crate) name: Arc<str>,
    pub(crate) kind: FieldType,
    /// What each row has to satisfy.
    pub(crate) condition: Option<Predicate>,
}

impl Storage {
    /// Rows of a bucket: those at the time of the call, whatever is written during the iteration.
    /// A bucket nobody wrote to is empty. Damage ends the iteration with an error that names it.
    pub fn scan(&self, bucket: u64, request: &ScanRequest) -> Result<Scan<'static>> {
        Ok(Scan {
            cursor: self.cursor(bucket, request, false),
            ready: VecDeque::new(),
            long: None,
            stop: &|| false,
            failed: false,
        })
    }

    /// A cursor over the matching series; with `last_only` the readers may take sealed rows from
    /// the last-value cache.
    pub(crate) fn cursor(
        &self,
        bucket: u64,
        request: &ScanRequest,
        last_only: bool,
    ) -> FieldCursor {
        let readers = match self.bucket(bucket) {
            None => Vec::new(),
            Some(bucket) => {
                let range = bucket.visible(request.range);
                let state = read(&bucket.state);
                let selected = state.index.select(&request.predicate).into_iter();
                let cached = last_only && state.is_cacheable();
                let reader = |(id, key)| match state.latest.get(id).filter(|_| cached) {
                    Some(latest) => state.reader(id, &key, range).with_latest(latest),
                    None => state.reader(id, &key, range),
                };
                selected.map(reader).collect()
            }
        };
        FieldCursor {
            readers: readers.into_iter(),
            given_back: None,
            predicate: request.predicate.clone(),
        }
    }
}

impl FieldCursor {
    /// The next series with the fields that are to be read of it.
    pub(crate) fn next_series(&mut self, stop: Stop<'_>) -> Result<Option<SeriesFields>> {
        if let Some(series) = self.given_back.take() {
            return Ok(Some(series));
        }
        for mut reader in self.readers.by_ref() {
            if stop() {
                return Err(Error::Stopped);
            }
            let (predicate, key) = (&self.predicate, reader.key.clone());
            let rest = |name: &str| predicate.partially_evaluate(&key, Some(name));
            let names = reader.fields_that(|name| !matches!(rest(name), Residual::Never))?;
            let mut fields = VecDeque::with_capacity(names.len());
            for (name, kind) in names {
                let condition = match rest(&name) {
                    Residual::Never => continue,
                    Residual::Always => None,
                    Residual::Value(rest) => Some(rest),
                };
                fields.push_back(FieldToRead {
                    name,
                    kind,
                    condition,
                });
            }
            if !fields.is_empty() {
                return Ok(Some(SeriesFields { reader, fields }));
            }
        }
        Ok(None)
    }

    /// Puts fields of the last series back, to come next.
    pub(crate) fn give_back(&mut self, series: SeriesFields) {
        self.given_back = Some(series);
    }
}

impl FieldToRead {
    /// The rows of a cluster that satisfy the condition.
    pub(crate) fn run(&self, reader: &mut SeriesReader, cluster: usize) -> Result<Run> {
        let run = reader.run(cluster, &self.name, self.kind)?;
        Ok(match &self.condition {
            None => run,
            Some(condition) => run.filter(|run, row| condition.accepts_row(&run.values, row)),
        })
    }
}

impl<'s> Scan<'s> {
    /// Ends with [`Error::Stopped`] soon after `stop` says so; it is asked for each field and batch.
    pub fn stopped_by<'t>(self, stop: &'t (dyn Fn() -> bool + Sync)) -> Scan<'t> {
        Scan { stop, ..self }
    }

    fn advance(&mut self) -> Result<Option<SeriesBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if let Some(long) = &mut self.long {
                match long.next_batch(BATCH_ROWS, self.stop)? {
                    Some(batch) => return Ok(Some(batch)),
                    None => self.long = None,
                }
            }
            let wave = Wave::next_of(&mut self.cursor, self.stop)?;
            if wave.is_empty() {
                return Ok(None);
            }
            match wave.into_long(BATCH_ROWS) {
                Ok((reader, field)) => {
                    let cluster = 0;
                    self.long = Some(LongField {
                        reader,
                        field,
                        cluster,
                    });
                }
                Err(wave) => {
                    let whole = |reader: &mut SeriesReader, field: &FieldToRead| {
                        batch_of(reader, field, &mut 0, usize::MAX, self.stop)
                    };
                    self.ready = wave.read(self.stop, whole)?.into();
                }
            }
        }
    }
}

impl LongField {
    fn next_batch(&mut self, rows: usize, stop: Stop<'_>) -> Result<Option<SeriesBatch>> {
        batch_of(&mut self.reader, &self.field, &mut self.cluster, rows, stop)
    }
}

/// The rows of the next clusters, until there are so many; `None` if there are no more.
fn batch_of(
    reader: &mut SeriesReader,
    field: &FieldToRead,
    cluster: &mut usize,
    at_least: usize,
    stop: Stop<'_>,
) -> Result<Option<SeriesBatch>> {
    let mut rows = Run::empty(field.kind);
    while *cluster < reader.clusters() && rows.len() < at_least {
        if stop() {
            return Err(Error::Stopped);
        }
        rows.append(field.run(reader, *cluster)?);
        *cluster += 1;
    }
    Ok((!rows.is_empty()).then(|| SeriesBatch {
        series: reader.key.clone(),
        field: field.name.clone(),
        times: rows.times,
        values: rows.values,
    }))
}

impl Iterator for Scan<'_> {
    type Item = Result<SeriesBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance();
        self.failed = next.is_err();
        next.transpose()
    }
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}
