//! The server's own metrics, with InfluxDB's names where the meaning is the same.

use watchpost_service::metrics::{Counter, CounterVec, Gauge, Histogram, HistogramVec, Registry};

use crate::API_VERSION;
use crate::app::App;

/// Bounds of durations in seconds: from a cached answer to the query timeout.
const SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 180.0,
];

/// The metrics that the parts of the server count in.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Points in bodies that could be read.
    pub points_requested: Counter,
    /// Points stored.
    pub points_written: Counter,
    /// Points left out: another type, too old, too many series.
    pub points_dropped: Counter,
    /// Lines that could not be read.
    pub points_refused: Counter,
    /// Writes that waited too long for their turn.
    pub write_timeouts: Counter,
    /// Requests by method, route and status.
    pub requests: CounterVec,
    /// Their durations.
    pub request_seconds: HistogramVec,
    /// Queries by how they ended.
    pub queries: CounterVec,
    /// Their durations, waiting included.
    pub query_seconds: Histogram,
    /// Runs of tasks by how they ended.
    pub runs: CounterVec,
    gauges: Gauges,
}

#[derive(Debug)]
struct Gauges {
    organizations: Gauge,
    buckets: Gauge,
    users: Gauge,
    tokens: Gauge,
    tasks: Gauge,
    uptime: Gauge,
    series: Gauge,
    disk_bytes: Gauge,
    memory_bytes: Gauge,
    allocated_bytes: Gauge,
    allocated_limit: Gauge,
    queries_running: Gauge,
    queries_waiting: Gauge,
    runs_active: Gauge,
}

impl Gauges {
    fn new(registry: &Registry) -> Self {
        let gauge = |name, help| registry.gauge(name, help);
        Self {
            organizations: gauge("influxdb_organizations_total", "Organizations."),
            buckets: gauge("influxdb_buckets_total", "Buckets."),
            users: gauge("influxdb_users_total", "Users."),
            tokens: gauge("influxdb_tokens_total", "Tokens."),
            tasks: gauge("influxdb_tasks_total", "Tasks."),
            uptime: gauge("influxdb_uptime_seconds", "Seconds since the start."),
            series: gauge("storage_series", "Series of all buckets."),
            disk_bytes: gauge("storage_disk_bytes", "Bytes of files."),
            memory_bytes: gauge(
                "storage_memory_bytes",
                "Bytes of points that are not sealed yet.",
            ),
            allocated_bytes: gauge(
                "memory_allocated_bytes",
                "Bytes that the server has allocated.",
            ),
            allocated_limit: gauge(
                "memory_limit_bytes",
                "Bytes above which writes and queries are refused.",
            ),
            queries_running: gauge("query_running", "Queries that run."),
            queries_waiting: gauge("query_waiting", "Queries that wait."),
            runs_active: gauge("task_runs_active", "Runs of tasks that are not finished."),
        }
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let info = registry.gauge_vec(
            "influxdb_info",
            "The version whose API this server has.",
            &["version"],
        );
        info.with(&[API_VERSION]).set(1.0);
        let count = |name, help| registry.counter(name, help);
        Self {
            points_requested: count(
                "storage_writer_req_points_total",
                "Points in bodies that could be read.",
            ),
            points_written: count("storage_writer_ok_points_total", "Points stored."),
            points_dropped: count(
                "storage_writer_dropped_points_total",
                "Points left out of a write.",
            ),
            points_refused: count(
                "storage_writer_err_points_total",
                "Lines that could not be read.",
            ),
            write_timeouts: count(
                "storage_writer_timeouts_total",
                "Writes that waited too long for their turn.",
            ),
            requests: registry.counter_vec(
                "http_api_requests_total",
                "Requests.",
                &["method", "path", "response_code"],
            ),
            request_seconds: registry.histogram_vec(
                "http_api_request_duration_seconds",
                "Time to the first byte of an answer.",
                &["method", "path"],
                SECONDS,
            ),
            queries: registry.counter_vec(
                "query_requests_total",
                "Queries by how they ended.",
                &["result"],
            ),
            query_seconds: registry.histogram(
                "query_duration_seconds",
                "Durations of queries.",
                SECONDS,
            ),
            runs: registry.counter_vec(
                "task_runs_total",
                "Runs of tasks by how they ended.",
                &["status"],
            ),
            gauges: Gauges::new(&registry),
            registry,
        }
    }

    /// The Prometheus text.
    pub fn render(&self, app: &App) -> String {
        let gauges = &self.gauges;
        {
            let state = app.meta.read();
            set(&gauges.organizations, state.organizations.len());
            set(&gauges.buckets, state.buckets.len());
            set(&gauges.users, state.users.len());
            set(&gauges.tokens, state.authorizations.len());
            set(&gauges.tasks, state.tasks.len());
        }
        let stats = app.storage.stats();
        set(
            &gauges.series,
            stats.buckets.iter().map(|bucket| bucket.series).sum(),
        );
        gauges
            .disk_bytes
            .set((stats.log_bytes + stats.segment_bytes) as f64);
        gauges.memory_bytes.set(stats.memory_bytes as f64);
        set(&gauges.allocated_bytes, app.memory.allocated());
        set(&gauges.allocated_limit, app.memory.limit());
        gauges
            .uptime
            .set((app.clock.now() - app.started) as f64 / 1e9);
        let (running, waiting) = app.queries.counts();
        set(&gauges.queries_running, running);
        set(&gauges.queries_waiting, waiting);
        set(&gauges.runs_active, app.tasks.active());
        self.registry.render()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn set(gauge: &Gauge, count: usize) {
    gauge.set(count as f64);
}
