//! Every limit of the server, each with its reason. All can be set by flags; what is over one gets an answer that says
//! which, and the server goes on.

use std::time::Duration;

use clap::Args;

/// The limits, as flags.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Longest request body in bytes, also after decompression.
    ///
    /// A batch of 5,000 lines is about 1 MB; this takes the largest batches of any client and keeps a decompression bomb
    /// from filling the memory.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub max_body_bytes: usize,

    /// Writes that are parsed and stored at once; further ones wait.
    ///
    /// Each holds its body and its parsed points in memory, and more than a few per core only wait for each other.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub max_concurrent_writes: usize,

    /// How long a write waits for its turn before it gets 503, seconds.
    ///
    /// Shorter than the 10 s after which Telegraf and the clients give up, so that they hear a reason.
    #[arg(long, value_name = "SECONDS", default_value_t = 8)]
    pub write_wait_seconds: u64,

    /// Longest line of line protocol in bytes.
    ///
    /// A line is one point: a megabyte of it is a mistake (a file sent by accident), not data.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub max_line_bytes: usize,

    /// Series that a bucket may have; a write that would add more gets 422 with the tag that has the most values.
    ///
    /// Every series costs memory for ever; a tag with ids or times in it makes millions. A site of 500 hosts has some
    /// 20,000.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub max_series_per_bucket: usize,

    /// Fields that a bucket may have, over all its measurements; a write that would add more gets 422.
    ///
    /// Every field costs memory in the server and in each file that has it; names with ids or times in them make
    /// thousands. A site of any size has some hundred.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub max_fields_per_bucket: usize,

    /// Days (UTC) in which a bucket may have points; a write that would add more gets 422.
    ///
    /// Each is a folder with files of its own: 27 years. One that reaches it sends timestamps in the wrong unit.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub max_days_per_bucket: usize,

    /// How many days after now the time of a point may be; 0: any. Later ones get 422.
    ///
    /// 200 years: contracts and calendars are written for a century ahead, and InfluxDB takes them. What is later comes
    /// from a wrong unit or clock, and would outlive every retention.
    #[arg(long, value_name = "DAYS", default_value_t = 73_000)]
    pub max_future_days: i64,

    /// Queries that run at once; further ones wait in a queue.
    ///
    /// A query is one thread's work; a few per core keep the machine busy without starving writes.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub max_concurrent_queries: usize,

    /// Queries that may wait; one more gets 429.
    ///
    /// A dashboard opens with some 20 queries at once; a queue beyond this is longer than anyone waits.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub max_queued_queries: usize,

    /// How long a query may take, waiting included, seconds.
    ///
    /// Longer than any dashboard waits; a task over months of data still ends in it.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub query_timeout_seconds: u64,

    /// Memory that the whole server may have allocated, bytes; 0: three quarters of what the machine or its control group
    /// has.
    ///
    /// Above it writes get 503 and queries end with an error, the newest first, before the system kills the process
    /// and everything waits for its restart. The rest is for the page cache, which reads live from.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub max_memory_bytes: usize,

    /// Memory that one query's tables may take, bytes.
    ///
    /// So that all of the concurrent queries fit into the memory of a small machine.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    pub max_query_bytes: usize,

    /// Rows that one query may read or make.
    ///
    /// A month of one host's 40 fields at 10 s is 10 million; beyond five such months the range or a `window` is
    /// missing, and the query holds its turn for nothing.
    #[arg(long, value_name = "N", default_value_t = 50_000_000)]
    pub max_query_rows: usize,

    /// Tables that one query may answer with.
    ///
    /// As many as a bucket may have series: more is a `group` by time or value, and each table costs memory.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub max_query_tables: usize,

    /// Queries that take longer than this are logged with their text, milliseconds.
    ///
    /// A person who waits for a panel notices a second.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000)]
    pub slow_query_milliseconds: u64,
}

/// Longest body of a management request: these are small forms; a task's script is the longest.
pub const MANAGEMENT_BODY_BYTES: usize = 4 << 20;

/// Longest body of a request without credentials: a name, a password, an organization and a bucket.
pub const OPEN_BODY_BYTES: usize = 64 << 10;

/// Answers shorter than this are not compressed: it would not save a packet.
pub const COMPRESS_BYTES: usize = 1_400;

/// Lists show at most so many things a page, as InfluxDB's do.
pub const PAGE: std::ops::RangeInclusive<i64> = 1..=100;

/// How many things a page shows if not told.
pub const PAGE_DEFAULT: i64 = 20;

/// Runs of a task that are kept: enough to see three days of a task that runs every five minutes.
pub const RUNS_KEPT: usize = 1_000;

impl Limits {
    /// How long a query may take.
    pub fn query_timeout(&self) -> Duration {
        Duration::from_secs(self.query_timeout_seconds)
    }

    /// How long a write waits for its turn.
    pub fn write_wait(&self) -> Duration {
        Duration::from_secs(self.write_wait_seconds)
    }
}

impl Default for Limits {
    fn default() -> Self {
        use clap::{Command, FromArgMatches};
        let command = Limits::augment_args(Command::new("limits"));
        Limits::from_arg_matches(&command.get_matches_from(["limits"]))
            .expect("every limit has a default")
    }
}
