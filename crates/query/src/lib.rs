//! One place that asks: the platform's questions in neutral form, their texts in each server's
//! language, and the answers read back into one form.
//!
//! | to do | look in |
//! |---|---|
//! | say what is asked | [`Question`], [`Ask`], [`Statistic`], [`Matcher`] |
//! | the text for InfluxDB 2 | [`dialect::flux`] |
//! | the requests for VictoriaMetrics | [`dialect::metricsql`] |
//! | the text for InfluxDB 3 | [`dialect::sql`] |
//! | read what came back | [`reader`] |
//! | what a kind of server cannot do | [`Kind`] |
//!
//! Ranges are half-open, matchers treat an absent tag as the empty text, windows begin at multiples of
//! their length. A dialect makes its server answer so; a reader of an [`Answer`] does not see which one
//! it was, but for what no text can mend: VictoriaMetrics keeps milliseconds, digits up to 2^53 and no
//! texts. Pure: the transport is the caller's.
#![warn(clippy::disallowed_methods)]

mod answer;
pub mod dialect;
pub mod flux_text;
mod kind;
mod matcher;
mod question;
mod quoted;
pub mod reader;
pub mod samples;
mod statistic;

pub use answer::{Answer, Point, Series};
pub use kind::Kind;
pub use matcher::{Condition, Matcher};
pub use question::{Ask, Group, Label, Question, Range, Selection};
pub use statistic::Statistic;
