//! What the notification packages need beyond the language: the key by which PagerDuty recognises an event.

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

/// A hash of the group key as `_pagerdutyDedupKey`: equal for equal keys, today and tomorrow (FNV-1a, 64 bits).
fn dedup_key(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let exclude = arguments.strings("exclude")?;
    map_table(context, arguments, "dedupKey", move |_, mut table| {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        for (label, value) in table
            .key
            .columns()
            .iter()
            .filter(|(label, _)| !exclude.contains(label))
        {
            for byte in label
                .bytes()
                .chain([0])
                .chain(display_value(&value.value()).bytes())
                .chain([0])
            {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        let rows = table.rows;
        table.set(
            "_pagerdutyDedupKey",
            Column::text(&std::sync::Arc::from(format!("{hash:016x}")), rows),
        );
        Ok(table)
    })
}
