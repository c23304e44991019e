//! The engine through its public surface: HTTP on loopback, the built binary, a data folder.

mod recorded;
mod running;
mod scenario;
