//! The limits of the data model, each with its reason. Limits of one role (queues, caches, open
//! connections) live beside the code they protect; these are the ones that several roles obey.

/// Longest series key (measurement and tags, escaped) in bytes; a field key counts on top of it.
/// InfluxDB 2 stores the length in two bytes and refuses longer keys.
pub const SERIES_KEY_BYTES: usize = 65_535;

/// Bytes that InfluxDB puts between series key and field key, counted against
/// [`SERIES_KEY_BYTES`].
pub const FIELD_KEY_SEPARATOR_BYTES: usize = 4;

/// Bad lines of one body that an error names. One is enough to act on; a megabyte of the
/// sender's own text is not an answer. Further ones are counted.
pub const REPORTED_LINE_ERRORS: usize = 100;

/// Bytes of a bad line that an error quotes, so that one endless line cannot become an endless
/// answer.
pub const QUOTED_LINE_BYTES: usize = 4_096;

/// Lines a write body should hold: InfluxDB's own advice is 5,000, and larger ones bring no
/// throughput but make a retry dearer.
pub const LINES_PER_WRITE: usize = 5_000;

/// Rows one query may bring home by default. A dashboard asks for thousands; a million is a
/// query that forgot its range, and about 100 MB of cells.
pub const ROWS_PER_QUERY: usize = 1_000_000;

/// Columns of one CSV table. A pivot of every field of every core of the largest machines has a
/// few thousand.
pub const CSV_COLUMNS: usize = 16_384;

/// Bytes of one CSV record. It bounds what a reader buffers while it waits for the end of a
/// quoted cell that never comes.
pub const CSV_RECORD_BYTES: usize = 16 * 1024 * 1024;
