//! The tree as JSON, in the shape that InfluxDB's API sends (`/api/v2/query/ast`) and takes (`extern` of a query).

mod read;
mod size;
mod write;

pub use read::{ReadError, read_file};
pub use size::bytes;
pub use write::{write_file, write_package};
