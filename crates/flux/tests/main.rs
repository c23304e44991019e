//! The crate's tests of evaluation, in one binary.

mod answers;
mod damaged_runs;
mod functions;
mod golden;
mod hostile;
mod library;
mod limits;
mod memory_source;
mod profilers;
mod registry;
mod semantic;
mod syntax;
