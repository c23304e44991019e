//! What the notification packages need beyond the language: the key by which PagerDuty recognises an event.

use std::sync::Arc;

use super::build::map_table;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::Column;
use crate::value::{Value, display_value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[native(
    "pagerduty",
    "_dedupKey",
    "<-tables, exclude",
    Stream,
    dedup_key,
)];

/// A hash of the group key as `_pagerdutyDedupKey`: SHA-256 over label and value of each column, a line each, by label.
fn dedup_key(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let exclude = arguments.strings("exclude")?;
    map_table(context, arguments, "dedupKey", move |_, mut table| {
        let mut columns: Vec<_> = table.key.columns().iter().collect();
        columns.retain(|(label, _)| !exclude.contains(label));
        columns.sort_by(|left, right| left.0.cmp(&right.0));
        let lines: String = columns
            .into_iter()
            .map(|(label, value)| format!("{label}\n{}\n", display_value(&value.value())))
            .collect();
        let hash = ring::digest::digest(&ring::digest::SHA256, lines.as_bytes());
        let digits: String = hash
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let column = Column::text(&Arc::from(digits), table.rows);
        table.set("_pagerdutyDedupKey", column);
        Ok(table)
    })
}
