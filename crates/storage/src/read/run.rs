//! Runs: rows of one field in time order, and how several become one.

use watchpost_core::point::FieldType;

use crate::column::Column;
use crate::range::TimeRange;

/// Times (strictly rising) and as many values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Column,
}

impl Run {
    pub(crate) fn empty(kind: FieldType) -> Run {
        Run {
            times: Vec::new(),
            values: Column::new(kind),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// A run of rows in the order they were written: of equal times the last one stays.
    pub(crate) fn from_written(times: Vec<i64>, values: Column) -> Run {
        if is_rising(&times) {
            return Run { times, values };
        }
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by_key(|row| times[*row]);
        let last_of_equals: Vec<usize> = order
            .iter()
            .enumerate()
            .filter(|(place, row)| {
                order
                    .get(place + 1)
                    .is_none_or(|next| times[*next] != times[**row])
            })
            .map(|(_, row)| *row)
            .collect();
        Run {
            values: values.gather(&last_of_equals),
            times: last_of_equals.into_iter().map(|row| times[row]).collect(),
        }
    }

    /// Several runs as one; where times are equal the later run wins.
    pub(crate) fn merge(kind: FieldType, runs: Vec<Run>) -> Run {
        let mut merged = Run::empty(kind);
        let mut in_order = true;
        for run in runs {
            in_order &= match (merged.times.last(), run.times.first()) {
                (Some(last), Some(first)) => last < first,
                _ => true,
            };
            merged.append(run);
        }
        if in_order {
            merged
        } else {
            Run::from_written(merged.times, merged.values)
        }
    }

    /// Adds rows at the end; the caller sees to the order.
    pub(crate) fn append(&mut self, mut other: Run) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.times.append(&mut other.times);
        self.values.append(other.values);
    }

    /// The rows inside a range.
    pub(crate) fn clip(self, range: TimeRange) -> Run {
        let start = self.times.partition_point(|time| *time < range.start);
        let stop = self
            .times
            .partition_point(|time| *time < range.stop)
            .max(start);
        if (start, stop) == (0, self.len()) {
            return self;
        }
        Run {
            values: self.values.slice(start..stop),
            times: self.times[start..stop].to_vec(),
        }
    }

    /// The rows that `keep` (given the position) accepts.
    pub(crate) fn filter(self, keep: impl Fn(&Run, usize) -> bool) -> Run {
        let kept: Vec<usize> = (0..self.len()).filter(|row| keep(&self, *row)).collect();
        if kept.len() == self.len() {
            return self;
        }
        Run {
            values: self.values.gather(&kept),
            times: kept.into_iter().map(|row| self.times[row]).collect(),
        }
    }

    /// The rows outside of all the ranges.
    pub(crate) fn without(self, ranges: &[TimeRange]) -> Run {
        if ranges.is_empty() {
            return self;
        }
        self.filter(|run, row| !ranges.iter().any(|range| range.contains(run.times[row])))
    }

    /// Bytes of all texts; 0 of other types.
    pub(crate) fn text_bytes(&self) -> usize {
        match &self.values {
            Column::String(texts) => texts.iter().map(|text| text.len()).sum(),
            _ => 0,
        }
    }

    /// Bytes of a row's text; 0 of other types.
    pub(crate) fn text_bytes_at(&self, row: usize) -> usize {
        match &self.values {
            Column::String(texts) => texts[row].len(),
            _ => 0,
        }
    }

    /// The rows of a range of positions.
    pub(crate) fn slice(&self, rows: std::ops::Range<usize>) -> Run {
        Run {
            values: self.values.slice(rows.clone()),
            times: self.times[rows].to_vec(),
        }
    }
}

fn is_rising(times: &[i64]) -> bool {
    times.windows(2).all(|pair| pair[0] < pair[1])
}
