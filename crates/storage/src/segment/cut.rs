//! Cutting the columns of a series into blocks that are small enough to be read one at a time, however many rows or
//! fields the series has. Every step costs as much as there are values, never rows times fields.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::range::TimeRange;
use crate::read::run::Run;
use crate::segment::block::{BlockColumns, MAX_BLOCK_ROWS};

/// Columns by field name.
pub(crate) type Columns = BTreeMap<Arc<str>, Run>;

/// Most rows times fields of a block of several rows. A field says for each row of its block whether it has a value
/// there, and a block is encoded and decoded as a whole: this bounds both to some megabytes. Up to 256 fields it
/// leaves room for [`MAX_BLOCK_ROWS`].
pub(crate) const MAX_BLOCK_CELLS: usize = 1 << 20;

/// Most bytes of texts of a block of several rows. A block is held in memory as a whole when it is merged, and its
/// length is written in 32 bits: 4,096 texts of a megabyte would fit neither.
const MAX_BLOCK_TEXT: usize = 8 << 20;

/// With at most so many fields only the rows bound a block.
const FEW_FIELDS: usize = MAX_BLOCK_CELLS / MAX_BLOCK_ROWS;

/// Columns being cut, from their beginning on.
#[derive(Debug)]
pub(crate) struct Cutter {
    columns: Vec<Column>,
    /// The times of all columns together.
    times: Vec<i64>,
    cuts: std::vec::IntoIter<Cut>,
}

#[derive(Debug)]
struct Column {
    name: Arc<str>,
    run: Run,
    /// Values that are in blocks already.
    taken: usize,
}

/// What goes into a block.
#[derive(Debug)]
struct Cut {
    /// Of all times.
    rows: Range<usize>,
    /// The columns that have values there, ascending, and how many.
    values: Vec<(usize, usize)>,
}

impl Cutter {
    pub(crate) fn new(columns: Columns) -> Cutter {
        let times = union_of_times(&columns);
        let column = |(name, run)| Column {
            name,
            run,
            taken: 0,
        };
        let columns: Vec<Column> = columns.into_iter().map(column).collect();
        let text: usize = columns.iter().map(|column| column.run.text_bytes()).sum();
        let cuts = match columns.len() <= FEW_FIELDS && text <= MAX_BLOCK_TEXT {
            true => cut_by_rows(&columns, &times),
            false => cut_by_cells(&columns),
        };
        Cutter {
            columns,
            times,
            cuts: cuts.into_iter(),
        }
    }

    /// The next block.
    pub(crate) fn next_block(&mut self) -> Option<BlockColumns> {
        let cut = self.cuts.next()?;
        let take = |(number, count): (usize, usize)| {
            let column = &mut self.columns[number];
            let part = column.run.slice(column.taken..column.taken + count);
            column.taken += count;
            (column.name.to_string(), part)
        };
        Some(BlockColumns {
            times: self.times[cut.rows].to_vec(),
            fields: cut.values.into_iter().map(take).collect(),
        })
    }

    /// The next block, if more rows cannot make it any fuller.
    pub(crate) fn next_full_block(&mut self) -> Option<BlockColumns> {
        let next = self.cuts.as_slice().first()?;
        let is_full = self.cuts.len() > 1 || next.rows.len() >= MAX_BLOCK_ROWS;
        if is_full { self.next_block() } else { None }
    }

    /// What is in no block yet.
    pub(crate) fn into_rest(self) -> Columns {
        let rest = |column: Column| {
            let Column { name, run, taken } = column;
            let rest = match taken {
                0 => run,
                taken => run.slice(taken..run.len()),
            };
            (!rest.is_empty()).then_some((name, rest))
        };
        self.columns.into_iter().filter_map(rest).collect()
    }
}

fn cut_by_rows(columns: &[Column], times: &[i64]) -> Vec<Cut> {
    let mut taken = vec![0; columns.len()];
    let mut cuts = Vec::new();
    for start in (0..times.len()).step_by(MAX_BLOCK_ROWS) {
        let rows = start..times.len().min(start + MAX_BLOCK_ROWS);
        let last = times[rows.end - 1];
        let mut values = Vec::with_capacity(columns.len());
        for (number, column) in columns.iter().enumerate() {
            let to = column.run.times.partition_point(|time| *time <= last);
            if to > taken[number] {
                values.push((number, to - taken[number]));
                taken[number] = to;
            }
        }
        cuts.push(Cut { rows, values });
    }
    cuts
}

fn cut_by_cells(columns: &[Column]) -> Vec<Cut> {
    let mut cells: Vec<(i64, usize)> = Vec::new();
    for (number, column) in columns.iter().enumerate() {
        cells.extend(column.run.times.iter().map(|time| (*time, number)));
    }
    cells.sort_unstable();
    let mut cuts = Vec::new();
    let mut passed = vec![0; columns.len()];
    let (mut start, mut row, mut text) = (0, 0, 0);
    let mut values: HashMap<usize, usize> = HashMap::new();
    for of_row in cells.chunk_by(|left, right| left.0 == right.0) {
        let is_new = |cell: &&(i64, usize)| !values.contains_key(&cell.1);
        let fields = values.len() + of_row.iter().filter(is_new).count();
        let text_of = |cell: &(i64, usize)| columns[cell.1].run.text_bytes_at(passed[cell.1]);
        let text_of_row: usize = of_row.iter().map(text_of).sum();
        let rows = row - start + 1;
        let is_full = rows > MAX_BLOCK_ROWS
            || rows * fields > MAX_BLOCK_CELLS
            || text + text_of_row > MAX_BLOCK_TEXT;
        if rows > 1 && is_full {
            cuts.push(Cut::of(start..row, &mut values));
            (start, text) = (row, 0);
        }
        for (_, number) in of_row {
            *values.entry(*number).or_default() += 1;
            passed[*number] += 1;
        }
        text += text_of_row;
        row += 1;
    }
    if row > start {
        cuts.push(Cut::of(start..row, &mut values));
    }
    cuts
}

impl Cut {
    fn of(rows: Range<usize>, values: &mut HashMap<usize, usize>) -> Cut {
        let mut values: Vec<(usize, usize)> = values.drain().collect();
        values.sort_unstable();
        Cut { rows, values }
    }
}

/// The times of all fields together.
fn union_of_times(columns: &Columns) -> Vec<i64> {
    let mut times: Vec<i64> = Vec::new();
    let mut in_order = true;
    for run in columns.values() {
        if run.times != times {
            in_order &= times.is_empty();
            times.extend_from_slice(&run.times);
        }
    }
    if !in_order {
        times.sort_unstable();
        times.dedup();
    }
    times
}

/// From the first row of a block to just after its last.
pub(crate) fn range_of(block: &BlockColumns) -> Option<TimeRange> {
    let (first, last) = block.times.first().zip(block.times.last())?;
    Some(TimeRange::new(*first, last.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use watchpost_core::point::FieldType;

    use super::*;
    use crate::column;

    /// So many fields, each with a value in a row of its own.
    fn diagonal(fields: usize) -> Columns {
        let run = |number: usize| Run {
            times: vec![number as i64],
            values: column::Column::Integer(vec![number as i64]),
        };
        let named = (0..fields).map(|number| (format!("f{number:06}").into(), run(number)));
        named.collect()
    }

    fn blocks(mut cutter: Cutter) -> Vec<BlockColumns> {
        std::iter::from_fn(|| cutter.next_block()).collect()
    }

    #[test]
    fn many_fields_in_rows_of_their_own_make_small_blocks() {
        let blocks = blocks(Cutter::new(diagonal(10_000)));
        assert!(blocks.len() > 1);
        let mut rows = 0;
        for block in &blocks {
            assert!(block.times.len() * block.fields.len() <= MAX_BLOCK_CELLS);
            assert!(block.times.is_sorted());
            for (name, run) in &block.fields {
                assert_eq!(format!("f{:06}", run.times[0]), *name);
            }
            rows += block.times.len();
        }
        assert_eq!(rows, 10_000);
    }

    #[test]
    fn a_row_is_never_cut() {
        let fields = (0..2_000_000).step_by(7);
        let run = Run {
            times: vec![5],
            values: column::Column::new(FieldType::Integer),
        };
        let columns = fields.map(|number| (format!("{number}").into(), run.clone()));
        let cuts = Cutter::new(columns.collect()).cuts;
        assert_eq!(cuts.len(), 1);
    }

    #[test]
    fn long_texts_make_small_blocks() {
        let text: Arc<str> = "x".repeat(1 << 20).into();
        let run = Run {
            times: (0..30).collect(),
            values: column::Column::String(vec![text; 30]),
        };
        let columns = Columns::from([("a".into(), run.clone()), ("b".into(), run)]);
        let blocks = blocks(Cutter::new(columns));
        let rows: Vec<usize> = blocks.iter().map(|block| block.times.len()).collect();
        assert_eq!(rows, [4, 4, 4, 4, 4, 4, 4, 2]);
    }

    #[test]
    fn what_does_not_fill_a_block_is_kept() {
        let times: Vec<i64> = (0..5_000).collect();
        let run = Run {
            values: column::Column::Integer(times.clone()),
            times,
        };
        let columns = Columns::from([("a".into(), run.clone()), ("b".into(), run)]);
        let mut cutter = Cutter::new(columns);
        assert_eq!(
            cutter.next_full_block().map(|block| block.times.len()),
            Some(MAX_BLOCK_ROWS)
        );
        assert!(cutter.next_full_block().is_none());
        let rest = cutter.into_rest();
        assert_eq!(rest["a"].times[0], MAX_BLOCK_ROWS as i64);
        assert_eq!(rest["b"].len(), 5_000 - MAX_BLOCK_ROWS);
    }
}
