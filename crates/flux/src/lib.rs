//! The Flux language: parsed, checked, planned and evaluated over columns.

pub mod semantic;
pub mod syntax;
