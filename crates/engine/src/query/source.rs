//! Storage as the language reads it, limited to what the caller may read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use watchpost_core::point::{FieldType as StoredType, SeriesKey};
use watchpost_flux::error::Error;
use watchpost_flux::source::{
    Aggregate, BucketInformation, BucketReference, FieldValues, PushedAggregate, ReadRequest, Scan,
    SchemaRequest, SeriesColumns, SeriesSink, Source, TimeRange,
};
use watchpost_flux::value::window::Window;
use watchpost_storage::{self as storage, Column, Predicate, ScanRequest, Windowing};

use crate::app::App;
use crate::auth::{Action, Permission, Permissions, ResourceType};
use crate::meta::{Bucket, Id};
use crate::query::predicate;

/// Fields and blocks that are read between two checks whether the query may go on: reading the clock can take as long as
/// reading a small block, and so many of them take a millisecond or two.
const READS_A_CHECK: usize = 64;

/// What a row takes: its time and its value.
const ROW_BYTES: usize = 16;

/// What a query of a caller reads from.
pub struct StorageSource<'a> {
    app: &'a App,
    org: Id,
    permissions: &'a Permissions,
    check: Check<'a>,
}

/// Says why a query has to end, if it has to; asked often, from every thread that reads for it.
pub type Check<'a> = &'a (dyn Fn() -> Result<(), Error> + Sync);

impl<'a> StorageSource<'a> {
    /// The buckets of an organization that the permissions allow to read, until `check` fails.
    pub fn new(app: &'a App, org: Id, permissions: &'a Permissions, check: Check<'a>) -> Self {
        Self {
            app,
            org,
            permissions,
            check,
        }
    }

    /// A read that ended early, by its cause.
    fn ended(&self, error: storage::Error) -> Error {
        match ((self.check)(), error) {
            (Err(reason), storage::Error::Stopped) => reason,
            (_, error) => failed(error),
        }
    }

    /// Hands out whole series: a long field comes from storage in several batches.
    fn raw(
        &self,
        scan: storage::Scan<'_>,
        most_bytes: usize,
        sink: &mut SeriesSink<'_>,
    ) -> Result<(), Error> {
        let mut names = NameCache::default();
        let mut pending: Option<storage::SeriesBatch> = None;
        for batch in scan {
            let batch = batch.map_err(|error| self.ended(error))?;
            match &mut pending {
                Some(open)
                    if open.field == batch.field
                        && open.series == batch.series
                        && open.values.kind() == batch.values.kind() =>
                {
                    open.times.extend(batch.times);
                    append(&mut open.values, batch.values);
                    let bytes = open.times.len() * ROW_BYTES;
                    if bytes > most_bytes {
                        return Err(Error::out_of_memory(most_bytes, bytes));
                    }
                }
                _ => {
                    if let Some(done) = pending.replace(batch) {
                        sink(names.columns(done))?;
                    }
                }
            }
        }
        pending.map_or(Ok(()), |done| sink(names.columns(done)))
    }

    fn aggregated(
        &self,
        rows: storage::AggregateScan<'_>,
        how: &Aggregated<'_>,
        sink: &mut SeriesSink<'_>,
    ) -> Result<(), Error> {
        let mut names = NameCache::default();
        for batch in rows {
            let batch = batch.map_err(|error| self.ended(error))?;
            if !how.pushed.function.accepts(kind(batch.kind)) {
                return Err(unsupported(how.pushed.function, batch.kind));
            }
            let times = how.times(&batch);
            let is_choice = how.pushed.function.is_selector() && how.pushed.window.is_some();
            let columns = names
                .of(&batch.series)
                .columns(batch.field, times, values(batch.values));
            sink(SeriesColumns {
                counts: batch.counts,
                chosen: if is_choice { batch.times } else { Vec::new() },
                stored: kind(batch.kind),
                ..columns
            })?;
        }
        Ok(())
    }

    fn may_read(&self, bucket: &Bucket) -> bool {
        let needed = Permission::one(Action::Read, ResourceType::Buckets, bucket.org, bucket.id);
        bucket.org == self.org && self.permissions.allow(&needed)
    }

    /// The bucket's id in storage. A bucket that may not be read is answered like one that does not exist.
    fn bucket(&self, reference: &BucketReference) -> Result<u64, Error> {
        find_bucket(self.app, self.org, reference)
            .filter(|bucket| self.may_read(bucket))
            .map(|bucket| bucket.id.number())
            .ok_or_else(|| Error::not_found(not_found(reference)))
    }

    /// Fails if a field of the read has a type that the function is not defined on: storage would leave it out.
    fn check_types(
        &self,
        bucket: u64,
        scan: &ScanRequest,
        aggregate: Aggregate,
    ) -> Result<(), Error> {
        if matches!(
            aggregate,
            Aggregate::Count | Aggregate::First | Aggregate::Last
        ) {
            return Ok(());
        }
        let types = self.app.storage.field_types(bucket);
        if types.iter().all(|stored| aggregate.accepts(kind(*stored))) {
            return Ok(());
        }
        let keys = self
            .app
            .storage
            .field_keys(bucket, scan.range, &scan.predicate)
            .map_err(failed)?;
        match keys
            .into_iter()
            .find(|(_, stored)| !aggregate.accepts(kind(*stored)))
        {
            Some((_, stored)) => Err(unsupported(aggregate, stored)),
            None => Ok(()),
        }
    }
}

/// The bucket that a query names, in its organization.
pub fn find_bucket(app: &App, org: Id, reference: &BucketReference) -> Option<Bucket> {
    let state = app.meta.read();
    match reference {
        BucketReference::Name(name) => state.bucket_by_name(org, name).cloned(),
        BucketReference::Id(id) => state
            .buckets
            .get(&id.parse().ok()?)
            .filter(|bucket| bucket.org == org)
            .cloned(),
    }
}

/// InfluxDB's words for a bucket that is not there.
pub fn not_found(reference: &BucketReference) -> String {
    format!(
        "failed to initialize execute state: could not find bucket \"{}\"",
        reference.text()
    )
}

impl Source for StorageSource<'_> {
    fn can_aggregate(&self, aggregate: &PushedAggregate) -> bool {
        aggregate
            .window
            .as_ref()
            .is_none_or(|window| fixed_windows(window).is_some())
    }

    fn read(&self, request: &ReadRequest, sink: &mut SeriesSink<'_>) -> Result<Scan, Error> {
        let bucket = self.bucket(&request.bucket)?;
        let scan = ScanRequest {
            range: range(request.range),
            predicate: request
                .predicate
                .as_ref()
                .map_or_else(Predicate::default, predicate::translate),
        };
        let windowing = match &request.aggregate {
            None => None,
            Some(PushedAggregate { window: None, .. }) => Some(Windowing::Whole),
            Some(PushedAggregate {
                window: Some(window),
                ..
            }) => fixed_windows(window),
        };
        let asked = AtomicUsize::new(0);
        let stop = || {
            let turn = asked.fetch_add(1, Ordering::Relaxed);
            turn.is_multiple_of(READS_A_CHECK) && (self.check)().is_err()
        };
        match (&request.aggregate, windowing) {
            (Some(pushed), Some(windowing)) => {
                self.check_types(bucket, &scan, pushed.function)?;
                let function = function(pushed.function);
                let rows = self
                    .app
                    .storage
                    .aggregate(bucket, &scan, &windowing, function)
                    .map_err(failed)?
                    .stopped_by(&stop);
                let how = Aggregated {
                    pushed,
                    windowing: &windowing,
                };
                self.aggregated(rows, &how, sink)?;
                Ok(Scan::Aggregated)
            }
            _ => {
                let rows = self.app.storage.scan(bucket, &scan).map_err(failed)?;
                self.raw(rows.stopped_by(&stop), request.series_bytes, sink)?;
                Ok(Scan::Raw)
            }
        }
    }

    fn tag_keys(&self, request: &SchemaRequest) -> Result<Vec<Arc<str>>, Error> {
        let bucket = self.bucket(&request.bucket)?;
        let keys =
            self.app
                .storage
                .tag_keys(bucket, range(request.range), &schema_predicate(request));
        Ok(keys.map_err(failed)?.into_iter().map(Arc::from).collect())
    }

    fn tag_values(&self, request: &SchemaRequest, key: &str) -> Result<Vec<Arc<str>>, Error> {
        let bucket = self.bucket(&request.bucket)?;
        let (storage, range, predicate) = (
            &self.app.storage,
            range(request.range),
            schema_predicate(request),
        );
        let values = match key {
            // As InfluxDB does: measurements are listed whenever they were written.
            "_measurement" => storage
                .measurements(bucket, watchpost_storage::TimeRange::ALL, &predicate)
                .map_err(failed)?,
            "_field" => {
                let keys = storage
                    .field_keys(bucket, range, &predicate)
                    .map_err(failed)?;
                let mut names: Vec<String> = keys.into_iter().map(|(name, _)| name).collect();
                names.dedup();
                names
            }
            tag => storage
                .tag_values(bucket, tag, range, &predicate)
                .map_err(failed)?,
        };
        Ok(values.into_iter().map(Arc::from).collect())
    }

    fn cardinality(&self, request: &SchemaRequest) -> Result<Option<usize>, Error> {
        let bucket = self.bucket(&request.bucket)?;
        let count =
            self.app
                .storage
                .cardinality(bucket, range(request.range), &schema_predicate(request));
        count.map(Some).map_err(failed)
    }

    fn buckets(&self) -> Result<Vec<BucketInformation>, Error> {
        let state = self.app.meta.read();
        let readable = state
            .buckets
            .values()
            .filter(|bucket| self.may_read(bucket));
        let found: Vec<_> = readable
            .map(|bucket| BucketInformation {
                name: bucket.name.clone(),
                id: bucket.id.to_string(),
                organization_id: bucket.org.to_string(),
                retention_policy: String::new(),
                retention_period: bucket.retention_seconds.saturating_mul(1_000_000_000),
            })
            .collect();
        match found.is_empty() {
            true => Err(Error::not_found(format!(
                "no buckets found in organization {}",
                self.org
            ))),
            false => Ok(found),
        }
    }
}

/// Windows that storage can cut: of a fixed length, each beginning where the one before ends.
fn fixed_windows(window: &Window) -> Option<Windowing> {
    let every = window.fixed_every()?;
    if window.offset.months != 0 {
        return None;
    }
    let offset = if window.offset.negative {
        -window.offset.nanoseconds
    } else {
        window.offset.nanoseconds
    };
    Some(Windowing::Every { every, offset })
}

fn range(range: TimeRange) -> storage::TimeRange {
    storage::TimeRange::new(range.start, range.stop)
}

fn function(function: Aggregate) -> storage::Aggregate {
    match function {
        Aggregate::Count => storage::Aggregate::Count,
        Aggregate::Sum => storage::Aggregate::Sum,
        Aggregate::Mean => storage::Aggregate::Mean,
        Aggregate::Min => storage::Aggregate::Min,
        Aggregate::Max => storage::Aggregate::Max,
        Aggregate::First => storage::Aggregate::First,
        Aggregate::Last => storage::Aggregate::Last,
    }
}

fn schema_predicate(request: &SchemaRequest) -> Predicate {
    request
        .predicate
        .as_ref()
        .map_or_else(Predicate::default, predicate::translate)
}

fn failed(error: storage::Error) -> Error {
    tracing::error!(%error, "a scan failed");
    Error::internal(error)
}

/// The names of one series, made once for all of its fields and batches.
struct Names {
    key: Arc<SeriesKey>,
    measurement: Arc<str>,
    tags: Arc<[(Arc<str>, Arc<str>)]>,
}

impl Names {
    fn of(key: &Arc<SeriesKey>) -> Self {
        let tags = key
            .tags()
            .iter()
            .map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str())));
        Self {
            key: Arc::clone(key),
            measurement: Arc::from(key.measurement()),
            tags: tags.collect(),
        }
    }

    fn columns(&self, field: Arc<str>, times: Vec<i64>, values: FieldValues) -> SeriesColumns {
        SeriesColumns {
            counts: Vec::new(),
            chosen: Vec::new(),
            stored: values.kind(),
            measurement: Arc::clone(&self.measurement),
            tags: Arc::clone(&self.tags),
            field,
            times,
            values,
        }
    }
}

/// Keeps the names of the series that comes now.
#[derive(Default)]
struct NameCache(Option<Names>);

impl NameCache {
    fn of(&mut self, key: &Arc<SeriesKey>) -> &Names {
        let known = self
            .0
            .take()
            .filter(|known| Arc::ptr_eq(&known.key, key) || known.key == *key);
        self.0.insert(known.unwrap_or_else(|| Names::of(key)))
    }

    fn columns(&mut self, batch: storage::SeriesBatch) -> SeriesColumns {
        let names = self.of(&batch.series);
        names.columns(batch.field, batch.times, values(batch.values))
    }
}

fn append(open: &mut Column, more: Column) {
    match (open, more) {
        (Column::Float(open), Column::Float(more)) => open.extend(more),
        (Column::Integer(open), Column::Integer(more)) => open.extend(more),
        (Column::Unsigned(open), Column::Unsigned(more)) => open.extend(more),
        (Column::String(open), Column::String(more)) => open.extend(more),
        (Column::Boolean(open), Column::Boolean(more)) => open.extend(more),
        _ => debug_assert!(false, "the kinds were compared before"),
    }
}

fn values(column: Column) -> FieldValues {
    match column {
        Column::Float(values) => FieldValues::Float(values),
        Column::Integer(values) => FieldValues::Integer(values),
        Column::Unsigned(values) => FieldValues::Unsigned(values),
        Column::String(values) => FieldValues::String(values),
        Column::Boolean(values) => FieldValues::Boolean(values),
    }
}

/// How the rows of an aggregate are to be read.
struct Aggregated<'a> {
    pushed: &'a PushedAggregate,
    windowing: &'a Windowing,
}

impl Aggregated<'_> {
    /// The times that the language expects: unclipped starts of windows; for a bare selector the chosen row's time.
    fn times(&self, batch: &storage::AggregateBatch) -> Vec<i64> {
        match self.windowing {
            Windowing::Every { every, offset } => {
                let start = |time: i64| {
                    time - (i128::from(time) - i128::from(*offset)).rem_euclid(i128::from(*every))
                        as i64
                };
                batch
                    .windows
                    .iter()
                    .map(|window| start(window.start))
                    .collect()
            }
            _ => batch.times.clone(),
        }
    }
}

fn kind(kind: StoredType) -> watchpost_flux::source::FieldType {
    use watchpost_flux::source::FieldType;
    match kind {
        StoredType::Float => FieldType::Float,
        StoredType::Integer => FieldType::Integer,
        StoredType::Unsigned => FieldType::Unsigned,
        StoredType::String => FieldType::String,
        StoredType::Boolean => FieldType::Boolean,
    }
}

/// InfluxDB's words for an aggregate over a field of a type it is not defined on.
fn unsupported(function: Aggregate, kind: StoredType) -> Error {
    Error::invalid(format!(
        "unsupported input type for {} aggregate: {}",
        function.name(),
        kind.name()
    ))
}
