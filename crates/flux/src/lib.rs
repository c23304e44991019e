//! The Flux language: parsed, checked, planned and evaluated over columns.
