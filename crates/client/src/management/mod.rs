//! Everything beside writing and querying: typed calls on [`crate::Client`].
//!
//! Which call uses which client is decided here and nowhere else: all of them go through this
//! crate's own transport. `README.md` beside this crate says why and with what figures the crate
//! `influxdb2` is not in the binaries.

mod authorizations;
mod buckets;
mod checks;
mod dbrps;
mod delete;
mod labels;
mod orgs;
mod server;
mod tasks;
mod variables;

pub use self::authorizations::{
    Authorization, AuthorizationPatch, NewAuthorization, Permission, Resource,
};
pub use self::buckets::{Bucket, BucketPatch, NewBucket, RetentionRule};
pub use self::checks::Check;
pub use self::dbrps::{Dbrp, NewDbrp};
pub use self::labels::{Label, Labelled, NewLabel};
pub use self::orgs::{NewOrg, Org, User};
pub use self::server::{Health, Setup, SetupAnswer};
pub use self::tasks::{LogEvent, NewTask, Run, Status, Task, TaskPatch};
pub use self::variables::{NewVariable, Variable};

/// Things asked for at once; what InfluxDB allows at most.
const PAGE: usize = 100;
