//! Verification: every byte of every file is read and checked, every chunk decoded.

use std::path::PathBuf;
use std::sync::Arc;

use crate::damage::{Damage, Lost};
use crate::disk;
use crate::document::{document_damage, unseal};
use crate::error::{Error, Result};
use crate::layout::parse_version;
use crate::log::replay;
use crate::segment::block::{self, BlockHeader};
use crate::segment::{BlockPlace, Segment};
use crate::stats::VerifyReport;
use crate::store::Storage;
use crate::sync::read;

impl Storage {
    /// Reads and checks every byte of every file of the store as it is now. Everything else goes
    /// on meanwhile.
    pub fn verify(&self) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let layout = self.layout();
        let version = disk::read_if_present(&layout.version_file())?.unwrap_or_default();
        report.count(version.len());
        if parse_version(&version).is_none() {
            report.damages.push(layout.version_damage(version.len()));
        }
        for bucket in self.all_buckets() {
            let segments = read(&bucket.state).segments.clone();
            for segment in segments {
                self.verify_segment(&segment, &mut report)?;
            }
        }
        self.verify_log(&mut report)?;
        for path in disk::list(&layout.documents())? {
            let bytes = disk::read_if_present(&path)?.unwrap_or_default();
            report.count(bytes.len());
            if unseal(&bytes).is_none() {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                report.damages.push(document_damage(&name, bytes.len()));
            }
        }
        report
            .damages
            .iter()
            .for_each(|damage| self.report(damage.clone()));
        Ok(report)
    }

    fn verify_segment(&self, segment: &Segment, report: &mut VerifyReport) -> Result<()> {
        let segment = match segment.again(&self.layout().root) {
            Ok(segment) => segment,
            Err(Error::Damaged(damage)) => {
                report.count(damage.bytes as usize);
                report.damages.push(*damage);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        report.count(segment.bytes as usize);
        if crate::segment::Origin::from_name(&segment.name) != Some(segment.origin) {
            report.damages.push(self.misplaced(&segment));
        }
        for series in &segment.index.series {
            for place in &series.blocks {
                verify_block(&segment, &series.key, place, report)?;
            }
        }
        Ok(())
    }

    fn misplaced(&self, segment: &Segment) -> Damage {
        Damage {
            file: segment.name.clone(),
            offset: 0,
            bytes: 0,
            reason: format!("it belongs to {}", segment.origin.name().display()),
            lost: Lost {
                bucket: Some(segment.origin.bucket),
                rows: Some(0),
                ..Lost::default()
            },
        }
    }

    /// The log as far as it is complete; what is appended meanwhile may end in half a record.
    fn verify_log(&self, report: &mut VerifyReport) -> Result<()> {
        let layout = self.layout();
        let found = replay::replay(&layout.log(), &layout.root, &mut |_, _, _| {})?;
        report.files += crate::log::files(&layout.log())?.len();
        report.bytes += found.bytes;
        report.damages.extend(found.damages);
        Ok(())
    }
}

impl VerifyReport {
    fn count(&mut self, bytes: usize) {
        self.files += 1;
        self.bytes += bytes as u64;
    }

    /// The damaged files, sorted.
    pub fn damaged_files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self
            .damages
            .iter()
            .map(|damage| damage.file.clone())
            .collect();
        files.sort();
        files.dedup();
        files
    }
}

fn verify_block(
    segment: &Segment,
    key: &Arc<watchpost_core::point::SeriesKey>,
    place: &BlockPlace,
    report: &mut VerifyReport,
) -> Result<()> {
    let header = match segment.header(key, place) {
        Ok(header) => header,
        Err(Error::Damaged(damage)) => {
            report.damages.push(*damage);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if !matches_index(&header, key, place) {
        let reason = "the index and the block do not agree";
        report
            .damages
            .push(segment.block_damage(key, place, reason));
        return Ok(());
    }
    report.chunks += 1;
    let chunk = segment.chunk(place, header.time)?;
    if let Err(error) = block::decode_times(&header, &chunk) {
        report
            .damages
            .push(segment.block_damage(key, place, error.0));
    }
    for field in &header.fields {
        report.chunks += 1;
        let chunk = segment.chunk(place, field.chunk)?;
        if let Err(error) = block::decode_field(header.rows, field, &chunk) {
            report
                .damages
                .push(segment.field_damage(key, place, field, error.0));
        }
    }
    Ok(())
}

fn matches_index(
    header: &BlockHeader,
    key: &watchpost_core::point::SeriesKey,
    place: &BlockPlace,
) -> bool {
    header.series == *key && header.rows == place.rows as usize && header.range == place.range()
}
