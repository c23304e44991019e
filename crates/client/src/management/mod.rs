//! Everything beside writing and querying: typed calls on [`crate::Client`].
//!
//! Which call uses which client is decided here and nowhere else: every call goes through this
//! crate's own transport. The crate `influxdb2` 0.5.2 is sound for health, organizations, buckets,
//! tasks and authorizations of InfluxDB 2.7, but brings a second HTTP stack (reqwest 0.11, hyper
//! 0.14, rustls 0.21) of 56 more crates, which cost 54 s of processor time to compile and stay in
//! every binary. It is held against this client in tests instead; `README.md` beside this crate has
//! the figures.

mod authorizations;
mod buckets;
mod checks;
mod dbrps;
mod delete;
mod influxdb3;
mod labels;
mod orgs;
mod server;
mod tasks;
mod variables;
mod verbs;
mod victoriametrics;

pub use self::authorizations::{
    Authorization, AuthorizationPatch, NewAuthorization, Permission, Resource,
};
pub use self::buckets::{Bucket, BucketPatch, NewBucket, RetentionRule};
pub use self::checks::Check;
pub use self::dbrps::{Dbrp, NewDbrp};
pub use self::influxdb3::Database;
pub use self::labels::{Label, Labelled, NewLabel};
pub use self::orgs::{NewOrg, Org, User};
pub use self::server::{Health, Setup, SetupAnswer};
pub use self::tasks::{LogEvent, NewTask, Run, Status, Task, TaskPatch};
pub use self::variables::{NewVariable, Variable};

/// Things asked for at once; what InfluxDB allows at most.
const PAGE: usize = 100;
