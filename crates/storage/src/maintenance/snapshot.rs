//! Snapshots: what a store consists of at one moment, for one who fetches it file by file and follows the log from there.
//!
//! Unlike a [backup](crate::Storage::backup) it is a list: who has a segment already does not fetch it again. Segments may
//! be merged away before they are fetched; then a new snapshot names what took their place.

use std::path::Path;
use std::sync::Arc;

use crate::disk;
use crate::error::Result;
use crate::log::follow::LogPlace;
use crate::segment::{Origin, Segment};
use crate::store::Storage;
use crate::sync::{lock, read, write};

/// A store at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The content of the file `LAYOUT`.
    pub layout: Vec<u8>,
    /// What was sealed.
    pub segments: Vec<SegmentFile>,
    /// Small records, by file name, with their checksums.
    pub documents: Vec<(String, Vec<u8>)>,
    /// From where the log holds what no segment does.
    pub log: LogPlace,
}

/// A segment file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentFile {
    /// Below the data folder, with `/`.
    pub name: String,
    /// The bucket.
    pub bucket: u64,
    /// Its length.
    pub bytes: u64,
    /// The checksum of its index, which tells it from another one of its name (a delete rewrites a segment).
    pub check: u32,
}

impl Storage {
    /// What the store consists of, with everything that was acknowledged before the call.
    pub fn snapshot(&self) -> Result<Snapshot> {
        // Less of the log has to be fetched again. Where it fails (a full disk), the log holds the rows.
        let _ = self.seal();
        let (log, segments, documents) = {
            let _no_seal = lock(&self.maintenance);
            let _no_documents = lock(&self.documents_lock);
            let _no_writer = write(&self.gate);
            let segments: Vec<Arc<Segment>> = self
                .all_buckets()
                .iter()
                .flat_map(|bucket| read(&bucket.state).segments.clone())
                .collect();
            (self.log.beginning()?, segments, self.document_files()?)
        };
        let mut files = Vec::with_capacity(segments.len());
        for segment in segments {
            files.push(SegmentFile {
                name: slashed(&segment.name),
                bucket: segment.origin.bucket,
                bytes: segment.bytes,
                check: segment.check()?,
            });
        }
        Ok(Snapshot {
            layout: disk::read_if_present(&self.layout().version_file())?.unwrap_or_default(),
            segments: files,
            documents,
            log,
        })
    }

    /// Bytes of a segment from an offset on, at most so many; `None` if it is not there any more.
    pub fn segment_piece(
        &self,
        file: &SegmentFile,
        from: u64,
        at_most: usize,
    ) -> Result<Option<Vec<u8>>> {
        let Some(origin) = Origin::from_name(Path::new(&file.name)) else {
            return Ok(None);
        };
        let found = self.bucket(origin.bucket).and_then(|bucket| {
            let state = read(&bucket.state);
            state
                .segments
                .iter()
                .find(|segment| segment.origin == origin)
                .cloned()
        });
        let Some(segment) = found.filter(|segment| segment.bytes == file.bytes) else {
            return Ok(None);
        };
        if segment.check()? != file.check {
            return Ok(None);
        }
        let length = segment.bytes.saturating_sub(from).min(at_most as u64);
        segment.read_at(from, length as usize).map(Some)
    }

    fn document_files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        for path in disk::list(&self.layout().documents())? {
            let name = path
                .strip_prefix(&self.layout().root)
                .unwrap_or(&path)
                .to_path_buf();
            if let Some(bytes) = disk::read_if_present(&path)? {
                files.push((slashed(&name), bytes));
            }
        }
        Ok(files)
    }
}

fn slashed(name: &Path) -> String {
    name.to_string_lossy()
        .replace(std::path::MAIN_SEPARATOR, "/")
}
