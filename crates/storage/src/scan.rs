//! Scans: the rows of matching series, field by field, in columns.

use std::sync::Arc;

use watchpost_core::point::FieldType;

use crate::error::Result;
use crate::predicate::{Predicate, Residual};
use crate::reader::SeriesReader;
use crate::request::{ScanRequest, SeriesBatch};
use crate::run::Run;
use crate::store::Storage;
use crate::sync::read;

/// Rows after which a batch of a long field ends: half a megabyte of times and as much of values.
const BATCH_ROWS: usize = 65_536;

/// Batches in the order of series (measurement, then tags), then field, then time.
#[derive(Debug)]
pub struct Scan {
    cursor: FieldCursor,
    /// The field being read, and its next cluster.
    current: Option<(FieldToRead, usize)>,
    failed: bool,
}

/// Goes through the fields of readers.
#[derive(Debug)]
pub(crate) struct FieldCursor {
    readers: std::vec::IntoIter<SeriesReader>,
    pub(crate) reader: Option<SeriesReader>,
    fields: std::vec::IntoIter<(Arc<str>, FieldType)>,
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
    pub fn scan(&self, bucket: u64, request: &ScanRequest) -> Result<Scan> {
        Ok(Scan {
            cursor: self.cursor(bucket, request, false),
            current: None,
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
            reader: None,
            fields: Vec::new().into_iter(),
            predicate: request.predicate.clone(),
        }
    }
}

impl FieldCursor {
    /// The next field; `reader` is then that of its series.
    pub(crate) fn next_field(&mut self) -> Result<Option<FieldToRead>> {
        loop {
            if let Some(reader) = &self.reader {
                for (name, kind) in self.fields.by_ref() {
                    let condition =
                        match self.predicate.partially_evaluate(&reader.key, Some(&name)) {
                            Residual::Never => continue,
                            Residual::Always => None,
                            Residual::Value(rest) => Some(rest),
                        };
                    return Ok(Some(FieldToRead {
                        name,
                        kind,
                        condition,
                    }));
                }
            }
            self.reader = self.readers.next();
            let Some(reader) = &mut self.reader else {
                return Ok(None);
            };
            let (predicate, key) = (&self.predicate, reader.key.clone());
            let can_match = |name: &str| {
                let rest = predicate.partially_evaluate(&key, Some(name));
                !matches!(rest, Residual::Never)
            };
            self.fields = reader.fields_that(can_match)?.into_iter();
        }
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

impl Scan {
    fn advance(&mut self) -> Result<Option<SeriesBatch>> {
        loop {
            let (field, mut cluster) = match self.current.take() {
                Some(current) => current,
                None => match self.cursor.next_field()? {
                    Some(field) => (field, 0),
                    None => return Ok(None),
                },
            };
            let Some(reader) = &mut self.cursor.reader else {
                return Ok(None);
            };
            let mut rows = Run::empty(field.kind);
            while cluster < reader.clusters() && rows.len() < BATCH_ROWS {
                rows.append(field.run(reader, cluster)?);
                cluster += 1;
            }
            let series = reader.key.clone();
            let more = cluster < reader.clusters();
            let name = field.name.clone();
            if more {
                self.current = Some((field, cluster));
            }
            if !rows.is_empty() {
                return Ok(Some(SeriesBatch {
                    series,
                    field: name,
                    times: rows.times,
                    values: rows.values,
                }));
            }
        }
    }
}

impl Iterator for Scan {
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
