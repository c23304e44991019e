//! From rules to the text of queries: one module a language. Flux now; SQL (InfluxDB 3) and
//! MetricsQL would stand beside it.
#![warn(clippy::disallowed_methods)]

pub mod flux;
pub mod shape;
