//! The vocabulary every crate shares: points and series keys, line protocol, annotated CSV,
//! durations, times, regular expressions, the metric catalogue and the limits of the data model.
//!
//! Pure: no clock, no environment, no network, no files. Times are `i64` nanoseconds since
//! 1970-01-01T00:00:00Z everywhere, so they fit what InfluxDB stores (1677 to 2262).
#![warn(clippy::disallowed_methods)]

pub mod catalogue;
pub mod causes;
pub mod csv;
pub mod duration;
pub mod limits;
pub mod line_protocol;
pub mod point;
pub mod regular_expression;
pub mod time;
