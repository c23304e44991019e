//! Flux over storage: what a query reads from, writes to, may use, and how its tables become CSV.

pub mod effects;
pub mod encode;
pub mod outgoing;
pub mod predicate;
pub mod registry;
pub mod run;
pub mod share;
pub mod source;

pub use encode::{Encoder, Outlet};
pub use registry::{Asker, Queries, QueryInformation, Ticket};
pub use run::{Ended, Request, Runner, may_go_on, query_error};
