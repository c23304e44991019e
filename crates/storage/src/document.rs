//! Documents: small named pieces of the engine's own records, each replaced as a whole.
//!
//! A file holds its text, then a CRC. The version before stays beside it as `NAME.previous`, so
//! that a damaged document falls back to it, loudly.

use std::path::PathBuf;

use crate::damage::{Damage, Lost};
use crate::disk;
use crate::error::{Error, Result};
use crate::store::Storage;

/// Bytes of the checksum at the end.
const CRC: usize = 4;

const PREVIOUS: &str = "previous";

impl Storage {
    /// A document, or `None` if there is none of that name. A damaged one gives the version
    /// before it and is reported in [`Storage::damages`]; if that is damaged too, an error.
    pub fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.document_path(name)?;
        let Some(bytes) = disk::read_if_present(&path)? else {
            return Ok(None);
        };
        if let Some(document) = unseal(&bytes) {
            return Ok(Some(document));
        }
        let damage = document_damage(name, bytes.len());
        self.report(damage.clone());
        let previous = disk::read_if_present(&path.with_extension(PREVIOUS))?;
        match previous.as_deref().and_then(unseal) {
            Some(document) => Ok(Some(document)),
            None => Err(Error::Damaged(Box::new(damage))),
        }
    }

    /// Replaces a document; durable on return.
    pub fn put_document(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.document_path(name)?;
        let _one_at_a_time = crate::sync::lock(&self.documents_lock);
        self.disk().create_folder(&self.layout().documents())?;
        if let Some(old) = disk::read_if_present(&path)?
            && unseal(&old).is_some()
        {
            self.disk().replace(&path.with_extension(PREVIOUS), &old)?;
        }
        self.disk().replace(&path, &seal(bytes))?;
        Ok(())
    }

    /// Removes a document, if there is one; durable on return.
    pub fn remove_document(&self, name: &str) -> Result<()> {
        let path = self.document_path(name)?;
        let _one_at_a_time = crate::sync::lock(&self.documents_lock);
        for path in [path.with_extension(PREVIOUS), path] {
            if path.exists() {
                self.disk().remove(&path)?;
                self.disk().sync_folder(&self.layout().documents())?;
            }
        }
        Ok(())
    }

    /// The names of all documents, sorted.
    pub fn documents(&self) -> Result<Vec<String>> {
        let is_document = |path: &PathBuf| path.extension().is_none();
        let paths = disk::list(&self.layout().documents())?
            .into_iter()
            .filter(is_document);
        Ok(paths
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn document_path(&self, name: &str) -> Result<PathBuf> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(good) {
            return Err(Error::DocumentName(name.to_owned()));
        }
        Ok(self.layout().documents().join(name))
    }
}

/// The bytes with their checksum.
fn seal(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc32fast::hash(bytes).to_le_bytes()].concat()
}

/// The bytes without their checksum, if it holds.
pub(crate) fn unseal(bytes: &[u8]) -> Option<Vec<u8>> {
    let (document, crc) = bytes.split_last_chunk::<CRC>()?;
    (crc32fast::hash(document) == u32::from_le_bytes(*crc)).then(|| document.to_vec())
}

pub(crate) fn document_damage(name: &str, bytes: usize) -> Damage {
    Damage {
        file: PathBuf::from("documents").join(name),
        offset: 0,
        bytes: bytes as u64,
        reason: "the document does not match its checksum".to_owned(),
        lost: Lost {
            rows: Some(0),
            ..Lost::default()
        },
    }
}
