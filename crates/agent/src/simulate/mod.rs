//! A fleet that does not exist.
pub mod incident;
