//! What a checksum found broken, said exactly: which bytes of which file, and which rows of which
//! series were in them.

use std::fmt;
use std::path::PathBuf;

use crate::range::TimeRange;

/// A damaged stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, relative to the data folder.
    pub file: PathBuf,
    /// Where in the file the broken part begins, in bytes.
    pub offset: u64,
    /// How many bytes cannot be trusted.
    pub bytes: u64,
    /// What the part is and how it is broken: `values do not match their checksum`.
    pub reason: String,
    /// What was in it, as far as the intact parts of the file tell.
    pub lost: Lost,
}

/// The rows behind a damaged stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub bucket: Option<u64>,
    /// The series in line protocol form; `None` if the damage is wider than one series.
    pub series: Option<String>,
    /// The field; `None` if all fields of the rows are hit.
    pub field: Option<String>,
    /// From the earliest lost row to just after the latest; of rows whose own range went with them,
    /// that of all rows of their file.
    pub range: Option<TimeRange>,
    /// Lost rows; `None` if the intact bytes do not tell. `Some(0)`: what was broken could be
    /// rebuilt from the rest, or held no rows.
    pub rows: Option<u64>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage {
            file,
            offset,
            bytes,
            reason,
            lost,
        } = self;
        write!(
            f,
            "{} is damaged at byte {offset} ({bytes} bytes): {reason}; {lost}",
            file.display()
        )
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows {
            Some(0) => return f.write_str("no rows are lost"),
            Some(rows) => write!(f, "lost: {rows} rows")?,
            None => f.write_str("lost: an unknown number of rows")?,
        }
        if let Some(bucket) = self.bucket {
            write!(f, " of bucket {bucket:016x}")?;
        }
        if let Some(series) = &self.series {
            write!(f, ", series {series}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field {field:?}")?;
        }
        if let Some(range) = self.range {
            write!(
                f,
                ", times {} to {}",
                range.start,
                range.stop.saturating_sub(1)
            )?;
        }
        Ok(())
    }
}
