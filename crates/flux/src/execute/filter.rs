//! `filter`: the rows of a table for which a predicate is true.

use std::rc::Rc;

use crate::error::Error;
use crate::execute::Context;
use crate::interpret::{Lambda, Mask};
use crate::table::Table;

/// The table without the rows that the predicate refuses; `None` when none is left and empty tables are dropped.
pub(super) fn filter_table(
    context: &Context<'_>,
    lambda: &Lambda,
    table: Table,
    keep_empty: bool,
) -> Result<Option<Table>, Error> {
    if table.rows == 0 {
        return Ok(keep_empty.then_some(table));
    }
    let table = Rc::new(table);
    let kept = match lambda.mask(context, &table)? {
        Mask::All => return Ok(Some(Rc::unwrap_or_clone(table))),
        Mask::None => table.slice(0, 0),
        Mask::Rows(rows) => table.take(&rows),
    };
    Ok((kept.rows > 0 || keep_empty).then_some(kept))
}
