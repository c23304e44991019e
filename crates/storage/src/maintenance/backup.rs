//! Backups: one stream with every file of a store as it was at one moment.
//!
//! ```text
//! "WPBACKUP1\n"
//! 1 | name length u32 | name | length u64 | bytes | CRC of all that u32       for each file
//! 0 | number of files u64 | CRC u32                                           the end
//! ```
//!
//! Segments never change and are kept for whoever reads them, so only the moment of taking the
//! list excludes writers. The log goes in as far as it reached then, with its mark of then.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::disk::{self, Disk};
use crate::error::{Error, Result};
use crate::layout::{Layout, is_empty_folder};
use crate::log;
use crate::segment::Segment;
use crate::store::Storage;
use crate::sync::{lock, read, write};

const MAGIC: &[u8; 10] = b"WPBACKUP1\n";
const FILE: u8 = 1;
const END: u8 = 0;

/// Bytes copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// Longest name of a file in a backup; our own have less than a hundred bytes.
const MAX_NAME: usize = 1_024;

/// Where the bytes of a file are.
enum Source {
    Segment(Arc<Segment>),
    File(File, PathBuf),
}

/// A file to back up.
struct Entry {
    name: PathBuf,
    bytes: Source,
    length: u64,
    /// How it began when the list was taken: the mark of a log moves on meanwhile.
    beginning: Vec<u8>,
}

impl Storage {
    /// Writes a consistent copy of everything that was acknowledged before the call. Writes,
    /// seals and merges go on meanwhile. Gives the bytes of the files.
    pub fn backup(&self, into: &mut dyn Write) -> Result<u64> {
        let entries = self.entries_to_back_up()?;
        let mut bytes = 0;
        into.write_all(MAGIC).map_err(Error::BackupStream)?;
        for entry in &entries {
            bytes += entry.length;
            copy_entry(entry, into)?;
        }
        let mut end = vec![END];
        end.extend_from_slice(&(entries.len() as u64).to_le_bytes());
        let crc = crc32fast::hash(&end);
        end.extend_from_slice(&crc.to_le_bytes());
        into.write_all(&end)
            .and_then(|()| into.flush())
            .map_err(Error::BackupStream)?;
        Ok(bytes)
    }

    fn entries_to_back_up(&self) -> Result<Vec<Entry>> {
        let _no_seal = lock(&self.maintenance);
        let _no_documents = lock(&self.documents_lock);
        let _no_writer = write(&self.gate);
        let layout = self.layout();
        let mut entries = Vec::new();
        for (number, path) in log::files(&layout.log())? {
            let file = disk::open(&path)?;
            let beginning = log::read_head(&file, &path, number)?;
            entries.push(Entry {
                beginning,
                ..Entry::of(layout, file, path)?
            });
        }
        for path in disk::list(&layout.documents())? {
            entries.push(Entry::of(layout, disk::open(&path)?, path)?);
        }
        for bucket in self.all_buckets() {
            let segments = read(&bucket.state).segments.clone();
            entries.extend(segments.into_iter().map(|segment| Entry {
                name: segment.name.clone(),
                length: segment.bytes,
                bytes: Source::Segment(segment),
                beginning: Vec::new(),
            }));
        }
        // Last, so that a restore that breaks off leaves a folder nobody takes for whole.
        let path = layout.version_file();
        entries.push(Entry::of(layout, disk::open(&path)?, path)?);
        Ok(entries)
    }

    /// Unpacks a backup into a new folder, which can then be opened. Gives the bytes of the files.
    pub fn restore(disk: &Disk, from: &mut dyn Read, dir: &Path) -> Result<u64> {
        if !is_empty_folder(dir)? {
            return Err(Error::NotEmpty {
                path: dir.to_path_buf(),
            });
        }
        let existed = dir.exists();
        let mut source = Stream {
            stream: from,
            offset: 0,
            crc: crc32fast::Hasher::new(),
        };
        let restored = restore_files(&mut source, disk, dir);
        if restored.is_err() {
            let cleared = disk.remove_folder(dir);
            if existed && cleared.is_ok() {
                disk.create_folder(dir)?;
            }
        }
        restored
    }
}

impl Entry {
    fn of(layout: &Layout, file: File, path: PathBuf) -> Result<Entry> {
        let length = disk::length(&file, &path)?;
        let name = path
            .strip_prefix(&layout.root)
            .unwrap_or(&path)
            .to_path_buf();
        Ok(Entry {
            name,
            bytes: Source::File(file, path),
            length,
            beginning: Vec::new(),
        })
    }

    fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        match &self.bytes {
            Source::Segment(segment) => segment.read_at(offset, length),
            Source::File(file, path) => Ok(disk::read_at(file, path, offset, length)?),
        }
    }
}

fn copy_entry(entry: &Entry, into: &mut dyn Write) -> Result<()> {
    let name = entry
        .name
        .to_string_lossy()
        .replace(std::path::MAIN_SEPARATOR, "/");
    let mut head = vec![FILE];
    head.extend_from_slice(&(name.len() as u32).to_le_bytes());
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(&entry.length.to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&head);
    into.write_all(&head).map_err(Error::BackupStream)?;
    crc.update(&entry.beginning);
    into.write_all(&entry.beginning)
        .map_err(Error::BackupStream)?;
    let mut offset = entry.beginning.len() as u64;
    while offset < entry.length {
        let length = (entry.length - offset).min(COPY_BYTES as u64) as usize;
        let part = entry.read_at(offset, length)?;
        crc.update(&part);
        into.write_all(&part).map_err(Error::BackupStream)?;
        offset += length as u64;
    }
    into.write_all(&crc.finalize().to_le_bytes())
        .map_err(Error::BackupStream)
}

/// A backup being read.
struct Stream<'a> {
    stream: &'a mut dyn Read,
    offset: u64,
    crc: crc32fast::Hasher,
}

impl Stream<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.stream
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => self.damaged("it ends early"),
                _ => Error::BackupStream(error),
            })?;
        self.offset += bytes.len() as u64;
        self.crc.update(bytes);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn check(&mut self) -> Result<()> {
        let expected = std::mem::replace(&mut self.crc, crc32fast::Hasher::new()).finalize();
        if u32::from_le_bytes(self.array()?) != expected {
            return Err(self.damaged("a file does not match its checksum"));
        }
        self.crc = crc32fast::Hasher::new();
        Ok(())
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::BackupDamaged {
            offset: self.offset,
            reason: reason.to_owned(),
        }
    }
}

fn restore_files(source: &mut Stream<'_>, disk: &Disk, dir: &Path) -> Result<u64> {
    if source.array()? != *MAGIC {
        return Err(Error::BackupDamaged {
            offset: 0,
            reason: "it does not begin as a backup does".to_owned(),
        });
    }
    source.crc = crc32fast::Hasher::new();
    let (mut files, mut bytes) = (0u64, 0u64);
    loop {
        match source.array::<1>()? {
            [FILE] => {
                bytes += restore_file(source, disk, dir)?;
                files += 1;
            }
            [END] => {
                let expected = u64::from_le_bytes(source.array()?);
                source.check()?;
                return if expected == files {
                    Ok(bytes)
                } else {
                    Err(source.damaged("files are missing"))
                };
            }
            _ => return Err(source.damaged("neither a file nor the end follows")),
        }
    }
}

fn restore_file(source: &mut Stream<'_>, disk: &Disk, dir: &Path) -> Result<u64> {
    let length = u32::from_le_bytes(source.array()?) as usize;
    if length > MAX_NAME {
        return Err(source.damaged("a name is too long"));
    }
    let mut name = vec![0; length];
    source.fill(&mut name)?;
    let name = String::from_utf8(name).ok().map(PathBuf::from);
    let inside = |name: &PathBuf| {
        name.components()
            .all(|part| matches!(part, Component::Normal(_)))
    };
    let Some(name) = name.filter(inside) else {
        return Err(source.damaged("a name leads out of the folder"));
    };
    let path = dir.join(name);
    if let Some(folder) = path.parent() {
        disk.create_folder(folder)?;
    }
    let mut file = disk.create(&path)?;
    let length = u64::from_le_bytes(source.array()?);
    let mut rest = length;
    while rest > 0 {
        let mut part = vec![0; rest.min(COPY_BYTES as u64) as usize];
        source.fill(&mut part)?;
        file.append(&part)?;
        rest -= part.len() as u64;
    }
    source.check()?;
    file.sync()?;
    if let Some(folder) = path.parent() {
        disk.sync_folder(folder)?;
    }
    Ok(length)
}
