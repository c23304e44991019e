//! A file that whole records are appended to: after an error it holds none of the record, or is not appended to again.

use std::path::Path;

use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};

/// A log file. The checksums are those of its records, whose form is the caller's.
#[derive(Debug)]
pub struct AppendFile {
    file: DiskFile,
    length: u64,
    distrusted: bool,
}

impl AppendFile {
    /// A new file that begins with some bytes, durable with its name, in place of an older one.
    pub fn create(disk: &Disk, path: &Path, beginning: &[u8]) -> Result<AppendFile> {
        Ok(AppendFile {
            file: disk.replace(path, beginning)?,
            length: beginning.len() as u64,
            distrusted: false,
        })
    }

    /// A new file that begins with some bytes. Neither they nor its name are durable: for who syncs both on another
    /// thread. On an error there is none.
    pub fn begin(disk: &Disk, path: &Path, beginning: &[u8]) -> Result<AppendFile> {
        let mut file = disk.create(path)?;
        if let Err(error) = file.append(beginning) {
            // A full disk cut it short.
            let _ = disk.remove(path);
            return Err(error);
        }
        Ok(AppendFile {
            file,
            length: beginning.len() as u64,
            distrusted: false,
        })
    }

    /// A file that is there, or a new, empty one.
    pub fn open(disk: &Disk, path: &Path) -> Result<AppendFile> {
        let (file, length) = disk.open_at_end(path)?;
        Ok(AppendFile {
            file,
            length,
            distrusted: false,
        })
    }

    /// The bytes of all whole records.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether nothing may be appended any more: a sync failed, or half a record could not be cut off.
    pub fn is_distrusted(&self) -> bool {
        self.distrusted
    }

    /// Refuses every further record, until another file is in its place.
    pub fn distrust(&mut self) {
        self.distrusted = true;
    }

    /// The file itself.
    pub fn file(&self) -> &DiskFile {
        &self.file
    }

    /// Appends the parts of a record, not durable yet. On an error nothing of it stays.
    pub fn append(&mut self, parts: &[&[u8]]) -> Result<()> {
        self.check()?;
        let written = parts.iter().try_for_each(|part| self.file.append(part));
        if let Err(error) = written {
            self.distrusted = self.file.truncate(self.length).is_err();
            return Err(error);
        }
        self.length += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Makes durable what was appended. If it fails the file is not appended to again: the system may count what it
    /// could not write as written.
    pub fn sync(&mut self) -> Result<()> {
        self.check()?;
        self.distrusted = true;
        self.file.sync()?;
        self.distrusted = false;
        Ok(())
    }

    /// Takes back what was appended after a length.
    pub fn truncate(&mut self, length: u64) -> Result<()> {
        self.file.truncate(length)?;
        self.length = length;
        Ok(())
    }

    /// The file, when nothing more is appended.
    pub fn into_file(self) -> DiskFile {
        self.file
    }

    fn check(&self) -> Result<()> {
        match self.distrusted {
            true => Err(Error::Distrusted {
                path: self.file.path().to_path_buf(),
            }),
            false => Ok(()),
        }
    }
}
