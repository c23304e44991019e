//! The form of a backup: see `Backup` in the storage's FORMAT.md, whose bytes these are.

use std::io::{Read, Write};
use std::path::Path;

use crate::error::{Error, Result};

const MAGIC: &[u8; 10] = b"WPBACKUP1\n";
const FILE: u8 = 1;
const END: u8 = 0;

/// Bytes copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// A backup being written.
pub struct Backup<'t> {
    target: &'t mut (dyn Write + Send),
    files: u64,
}

impl<'t> Backup<'t> {
    /// Begins one.
    ///
    /// # Errors
    /// Of the target.
    pub fn begin(target: &'t mut (dyn Write + Send)) -> Result<Self> {
        target.write_all(MAGIC).map_err(failed)?;
        Ok(Self { target, files: 0 })
    }

    /// Adds a file whose content is in memory.
    ///
    /// # Errors
    /// Of the target.
    pub fn bytes(&mut self, name: &str, content: &[u8]) -> Result<()> {
        self.file(name, content.len() as u64, &mut &*content)
    }

    /// Adds a file of so many bytes.
    ///
    /// # Errors
    /// Of the target, or the content is shorter.
    pub fn file(&mut self, name: &str, length: u64, content: &mut dyn Read) -> Result<()> {
        let mut head = vec![FILE];
        head.extend((name.len() as u32).to_le_bytes());
        head.extend(name.as_bytes());
        head.extend(length.to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head);
        self.target.write_all(&head).map_err(failed)?;
        let mut rest = length;
        let mut part = vec![0; COPY_BYTES];
        while rest > 0 {
            let length = rest.min(COPY_BYTES as u64) as usize;
            content.read_exact(&mut part[..length]).map_err(failed)?;
            crc.update(&part[..length]);
            self.target.write_all(&part[..length]).map_err(failed)?;
            rest -= length as u64;
        }
        self.files += 1;
        let crc = crc.finalize().to_le_bytes();
        self.target.write_all(&crc).map_err(failed)
    }

    /// Ends it: without this it is not taken for whole.
    ///
    /// # Errors
    /// Of the target.
    pub fn end(self) -> Result<()> {
        let mut end = vec![END];
        end.extend(self.files.to_le_bytes());
        end.extend(crc32fast::hash(&end).to_le_bytes());
        self.target.write_all(&end).map_err(failed)?;
        self.target.flush().map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::file(Path::new("the restored copy"), error)
}
