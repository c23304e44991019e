//! Metrics in the text format of Prometheus: pages that are scraped, and files that programs leave in a folder.

pub mod samples;
pub mod scrape;
pub mod text;
pub mod textfile;

pub use self::samples::{MEASUREMENT, Samples, TooManySamples};
pub use self::scrape::{Scrape, TargetConfig};
pub use self::text::Format;
pub use self::textfile::TextFiles;
