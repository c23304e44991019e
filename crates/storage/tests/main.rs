//! The store through its public surface.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod behaviour;
mod bounds;
mod chunk_decoder;
mod concurrency;
mod crash;
mod cut_log;
mod damage;
mod faulty_disk;
mod fixture;
mod follow;
mod format;
mod format_document;
mod full_disk;
mod fuzz;
mod group_commit;
mod kill;
mod model;
mod reads;
mod real_disk;
