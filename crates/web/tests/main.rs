//! The tests of the web server, one binary: its pure parts over case files, the API over a running
//! database, the pages in a real browser.

#![expect(clippy::unwrap_used, reason = "a test panics where it cannot go on")]

mod abuse;
mod alerting;
mod api;
mod boards;
mod browser;
mod documents;
mod failures;
mod fixture;
mod forms;
mod incident;
mod kept_by_alerter;
mod levels;
mod live;
mod overview;
mod pages;
mod prefix;
mod pure;
mod scripts;
mod sign_in;
mod signals;
mod tiers;
mod tls;
