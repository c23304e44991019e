//! The HTTP API and the live dashboard.
//!
//! | to do | look in |
//! |---|---|
//! | write an address of a page or of the API | [`address`] |
//! | start the server, its routes and headers | [`serve`], `router`, `security` |
//! | configure it | [`config`] |
//! | answer `/metrics` and `/api/v1` | `api` |
//! | render a page | `pages`, `templates/`, `assets/` |
//! | choose a tier, ask for a series | [`tier`], [`series`] |
//! | colour a value | [`level`] |
//! | watch the fleet and push what is new | `live` |
//! | know who asks and what they may | `sign_in` |
//!
//! A browser sees only this server: the tokens of the database and of the alerter stay here.
//!
//! # The pages
//!
//! Templates are rendered here and readable without scripts; scripts are modules without a bundler or a
//! framework. Their types are in comments (JSDoc), and `tsc -p crates/web` checks them. For work on them
//! `http.pages_folder = "crates/web"` reads both from the folder at each request, without a build.
//!
//! # The charts
//!
//! Chart.js 4.5.1 draws them: `assets/vendor/chart.umd.js`, the file that its authors publish, beside its
//! licence (MIT); a test holds it to the published checksum. 209 kB, 69 kB as sent, on the pages with charts
//! alone, from this server, so that a machine without the internet draws them too.
//!
//! `assets/chart.js` sets it up and adds what it has no notion of: thresholds, marks, a cursor that charts
//! share, zoom by pointer and keys. Times as ticks are ours (`assets/chart-scale.js`), since Chart.js wants
//! a library of dates for them.
//!
//! The other crates that were found on crates.io were unpacked and looked at:
//!
//! | crate | what it has | why it does not serve |
//! |---|---|---|
//! | `mdbook_uplot` 0.2 | uPlot 1.6, smaller and faster: 50 kB for time series | its build script downloads it from unpkg.com; the crate holds the glue alone |
//! | `charming` 0.6 | ECharts 5.5, 1.0 MB | private to the renderer of pictures, which needs V8 (`deno_core`); its pages load from a CDN |
//! | `echarts` 0.1 | ECharts, 3.0 MB, not minified | only as an import of WebAssembly; last release 2023 |
//! | `plotly` 0.14 | plotly.js 4.6 MB and MathJax 2.9 MB | public, as one text with `<script>` tags |
//! | `apexcharts` 0.1.2 | ApexCharts, 575 kB, in a published `node_modules` | almost three times the bytes, drawn as SVG elements |
//! | `apexcharts-rs` 0.1 | ApexCharts 3.40 of 2023, 1.4 MB | only as an import of WebAssembly |
//! | `metrics-dashboard` 0.3 | a page over ApexCharts | the page alone; the library comes from a CDN |
//! | `autumn-plugin-d3` 0.2 | D3 7.9, 280 kB | needs the `autumn-web` framework; D3 draws no charts by itself |
//! | `plotters` with `plotters-canvas` | a chart library in Rust | WebAssembly: a second toolchain target, and `wasm-unsafe-eval` in the policy |
//! | `chart-js-rs`, `flot`, `leptos_chart`, `vega`, `uplot`, `perspective` | no chart library in the package, or none for a browser | |
// A reader that has left (`| head`) is no panic: `watchpost_service::cli::print`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod address;
pub mod alert_span;
pub mod alerter;
pub mod annotation;
mod api;
mod assets;
pub mod board;
pub mod cli;
pub mod config;
pub mod csv;
mod database;
mod document;
mod error;
pub mod fleet;
pub mod level;
mod live;
pub mod metric;
mod pages;
pub mod parameters;
pub mod preferences;
mod router;
mod security;
pub mod series;
pub mod serve;
pub mod sign_in;
mod state;
pub mod tier;
pub mod time_range;

pub use self::api::OPENAPI;
pub use self::error::{ApiError, Result};

/// Nanoseconds since 1970 by the clock of this machine.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
