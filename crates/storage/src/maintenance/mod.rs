//! What happens to rows after they were acknowledged: sealed, merged, deleted, dropped, checked, copied.

pub(crate) mod aside;
pub(crate) mod backup;
pub(crate) mod delete;
pub(crate) mod merge;
pub(crate) mod retention;
pub(crate) mod salvage;
pub(crate) mod seal;
pub(crate) mod snapshot;
pub(crate) mod verify;
