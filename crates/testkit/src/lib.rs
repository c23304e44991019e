//! What tests share: case files, a server, daemons, receivers that record, folders.
//!
//! Only `dev-dependencies` name this crate.

pub mod cases;
mod skip;

pub use skip::skip;
pub use tempfile::TempDir as TempFolder;

/// A folder of its own for one test; it goes when the value goes.
///
/// # Panics
/// If the folder cannot be made.
pub fn temp_folder() -> TempFolder {
    tempfile::tempdir().expect("a temporary folder can be made")
}
