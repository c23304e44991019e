//! The management state: organizations, users, buckets, tokens, tasks and all else that is not points.
//!
//! It is small (a site has hundreds of such things, not millions), so all of it stands in memory as [`State`], and
//! every change is appended to a checksummed journal and synced before it is seen: [`MetaStore`].

pub mod id;
mod journal;
mod record;
mod state;
mod store;

pub use id::{AscendingIds, Id, IdError};
pub use journal::JournalError;
pub use record::{
    Authorization, Bucket, BucketKind, Check, Dbrp, Kind, Label, LabelMapping, LegacyUser, Member,
    NotificationEndpoint, NotificationRule, Organization, Record, Role, Secret, Task, User,
    Variable,
};
pub use state::State;
pub use store::{Changes, JOURNAL, MetaStore, RESTORING};
