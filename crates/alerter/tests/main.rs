//! The alerter's tests, in one binary.

mod api_document;
mod binary;
mod chain;
mod dialect;
mod receivers;
mod rule_files;
mod store;
mod timelines;
