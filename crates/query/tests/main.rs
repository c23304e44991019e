//! Tests of the questions through their public surface.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod texts;
mod written;
