//! Tables: typed columns of equal length and the key that all rows of a table share.

/// A table.
#[derive(Debug, Clone)]
pub struct Table {}
