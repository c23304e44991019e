//! Timelines: rules, routes and suppression tried out on a virtual clock.
//!
//! A case is a rule file and a script; its outcome is a text, one line a message (and, when asked
//! for, one a transition). `watchpost-alerter test` runs the cases of Markdown files; so do this
//! crate's own tests.
//!
//! A script, one event a line, times from its start:
//!
//! ```text
//! start 2026-03-02T08:00:00Z                     when second 0 is (a Thursday by default)
//! show transitions                               also print what rules do
//! series cpu_usage_percent{host="h1"} every 10s: 50x5 60+5x8 _x3 40
//! 0s   fire alertname=cpu host=h1 for 5s since 0s
//! 5s   resolve alertname=cpu host=h1
//! 0s   silence s1 host="h1" for 9s               also: at 22:00-06:00
//! 8s   expire s1
//! 9s   ack alertname=cpu host=h1 by ann for 1h
//! 3s   fails ops 3                               the next 3 messages to ops are refused
//! 4s   queries fail                              until `queries work`
//! 5s   restart
//! 5s   sleep 8h                                  the machine sleeps: nothing is evaluated or sent
//! 5s   killed sending to ops                     at the next message to ops: it came, its answer did not
//! 6s   reload                                    with the second rule file of the case
//! 60s  end
//! ```
#![warn(clippy::disallowed_methods)]

mod database;
pub mod document;
mod player;
mod script;
mod series;

pub use database::VirtualDatabase;
pub use player::play;
pub use series::{SeriesError, VirtualSeries, parse_series};

/// A case that cannot be played: which line, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    #[error("rules:\n{0}")]
    Rules(#[from] crate::rule_file::mistake::Mistakes),
    #[error("timeline, line {line}: {message}")]
    Script { line: usize, message: String },
}
