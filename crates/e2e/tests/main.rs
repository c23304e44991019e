//! Stories over the built binaries, started the way a person starts them: by `up`.
#![allow(clippy::unwrap_used, reason = "the functions of a test may fail it")]

mod compose;
mod copies;
mod deploy;
mod docs;
mod external;
mod helm;
mod influxdb3;
mod judged;
mod lifecycle;
mod living_chain;
mod mistakes;
mod rotation;
mod victoriametrics;
