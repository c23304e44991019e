//! Stories over the built binaries, started the way a person starts them: by `up`.
//!
//! `platform` is a running platform in a folder of its own, `criteria` what `up --check` judges it
//! by, a file each; `soak` is what one is held under for an hour, `sign_in_times` what its refusals of passwords tell by their
//! time, and `measure` the rim of the programs that run these two. Like tests, they wait and compare, and nothing of the product depends on them.
#![allow(
    clippy::unwrap_used,
    reason = "what only judges the product may end with a panic, which is a verdict too"
)]

pub mod criteria;
pub mod measure;
pub mod platform;
pub mod seconds;
pub mod sign_in_times;
pub mod soak;
