//! Files that are read by few descriptors, however many they are: a store has one a segment, a process some hundred
//! descriptors.
//!
//! A file is opened when it is read and stays open until others need the descriptor. Whoever reads a file that a merge
//! or a delete removes meanwhile reads on: it is kept open for them. Only where more files are removed under a reader
//! than there are descriptors for, the read ends with [`Error::Replaced`].

use std::collections::VecDeque;
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use crate::disk::{self, Faults, Operation, Verdict};
use crate::error::{Error, Result};

/// The files that are open.
#[derive(Debug)]
pub struct OpenFiles {
    /// Most that are open because they were read lately, and as many that were removed.
    limit: usize,
    /// In the order of their opening; those that were read again since get a second round.
    ring: Mutex<VecDeque<Weak<ReadFile>>>,
    kept: AtomicUsize,
}

/// A file that never changes. Share it by `Arc`.
pub struct ReadFile {
    faults: Option<Arc<dyn Faults>>,
    path: PathBuf,
    identity: Identity,
    files: Arc<OpenFiles>,
    descriptor: Mutex<Descriptor>,
    /// Read since the ring last came by.
    used: AtomicBool,
}

#[derive(Debug)]
enum Descriptor {
    Closed,
    Open(Arc<File>),
    /// The name is about to go, or to become another file's.
    Kept(Arc<File>),
}

/// What tells a file from another one of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl OpenFiles {
    /// None is open.
    pub fn limited_to(limit: usize) -> Arc<OpenFiles> {
        Arc::new(OpenFiles {
            limit: limit.max(1),
            ring: Mutex::default(),
            kept: AtomicUsize::new(0),
        })
    }

    /// Opens a file; where the process has no descriptor left, after closing all that can be.
    fn open(&self, path: &Path) -> Result<File> {
        self.close_down_to(self.limit - 1);
        let opened = File::open(path).or_else(|error| match has_no_descriptor(&error) {
            true => {
                self.close_down_to(0);
                File::open(path)
            }
            false => Err(error),
        });
        opened.map_err(|error| Error::io("open", path, error))
    }

    fn close_down_to(&self, open: usize) {
        let mut ring = lock(&self.ring);
        // Twice around: once for those that were read lately, once more to close them.
        for _ in 0..2 * ring.len() {
            if ring.len() <= open {
                return;
            }
            let Some(oldest) = ring.pop_front() else {
                return;
            };
            let Some(file) = oldest.upgrade() else {
                continue;
            };
            if file.used.swap(false, Ordering::Relaxed) && open > 0 {
                ring.push_back(oldest);
                continue;
            }
            // Somebody who holds it waits for the ring, or reads.
            let Ok(mut descriptor) = file.descriptor.try_lock() else {
                ring.push_back(oldest);
                continue;
            };
            if matches!(*descriptor, Descriptor::Open(_)) {
                *descriptor = Descriptor::Closed;
            }
        }
    }
}

impl ReadFile {
    /// Opens a file.
    pub fn open(
        path: &Path,
        files: &Arc<OpenFiles>,
        faults: Option<Arc<dyn Faults>>,
    ) -> Result<Arc<ReadFile>> {
        let file = files.open(path)?;
        let file = ReadFile {
            faults,
            path: path.to_path_buf(),
            identity: identity_of(&file, path)?,
            files: files.clone(),
            descriptor: Mutex::new(Descriptor::Open(Arc::new(file))),
            used: AtomicBool::new(false),
        };
        let file = Arc::new(file);
        lock(&files.ring).push_back(Arc::downgrade(&file));
        Ok(file)
    }

    /// Its bytes.
    pub fn length(&self) -> u64 {
        self.identity.length
    }

    /// Reads exactly so many bytes at an offset.
    pub fn read_at(self: &Arc<Self>, offset: u64, length: usize) -> Result<Vec<u8>> {
        if let Some(faults) = &self.faults
            && let Verdict::Fail { error, .. } = faults.judge(Operation::Read(length), &self.path)
        {
            return Err(Error::io("read", &self.path, error));
        }
        let file = self.descriptor()?;
        disk::read_at(&file, &self.path, offset, length)
    }

    fn descriptor(self: &Arc<Self>) -> Result<Arc<File>> {
        self.used.store(true, Ordering::Relaxed);
        let mut descriptor = lock(&self.descriptor);
        if let Descriptor::Open(file) | Descriptor::Kept(file) = &*descriptor {
            return Ok(file.clone());
        }
        let replaced = || Error::Replaced {
            path: self.path.clone(),
        };
        let file = match self.files.open(&self.path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(replaced());
            }
            opened => Arc::new(opened?),
        };
        if identity_of(&file, &self.path)? != self.identity {
            return Err(replaced());
        }
        *descriptor = Descriptor::Open(file.clone());
        drop(descriptor);
        lock(&self.files.ring).push_back(Arc::downgrade(self));
        Ok(file)
    }

    /// Keeps the file readable for whoever has it, before its name goes or becomes another file's.
    pub fn keep(self: &Arc<Self>) {
        let Ok(file) = self.descriptor() else { return };
        let mut descriptor = lock(&self.descriptor);
        if matches!(*descriptor, Descriptor::Kept(_)) {
            return;
        }
        if self.files.kept.fetch_add(1, Ordering::Relaxed) < self.files.limit {
            *descriptor = Descriptor::Kept(file);
        } else {
            self.files.kept.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for ReadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut file = f.debug_struct("ReadFile");
        file.field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for ReadFile {
    fn drop(&mut self) {
        let descriptor = self.descriptor.get_mut();
        if matches!(descriptor, Ok(Descriptor::Kept(_))) {
            self.files.kept.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_no_descriptor(error: &io::Error) -> bool {
    // ENFILE and EMFILE, which have no kind of their own.
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

fn identity_of(file: &File, path: &Path) -> Result<Identity> {
    let metadata = file.metadata();
    let metadata = metadata.map_err(|error| Error::io("read", path, error))?;
    Ok(Identity {
        inode: inode_of(&metadata),
        length: metadata.len(),
        modified: metadata.modified().ok(),
    })
}

#[cfg(unix)]
fn inode_of(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode_of(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_open(file: &ReadFile) -> bool {
        !matches!(*lock(&file.descriptor), Descriptor::Closed)
    }

    #[test]
    fn more_files_than_descriptors_are_all_readable() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = OpenFiles::limited_to(3);
        let open = |number: usize| {
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, [number as u8; 4]).expect("written");
            ReadFile::open(&path, &files, None).expect("opens")
        };
        let all: Vec<_> = (0..20).map(open).collect();
        for _ in 0..3 {
            for (number, file) in all.iter().enumerate() {
                assert_eq!(file.read_at(1, 2).expect("reads"), [number as u8; 2]);
                assert!(all.iter().filter(|file| is_open(file)).count() <= 3);
            }
        }
    }

    #[test]
    fn a_removed_file_is_read_on_and_a_replaced_one_is_never_taken_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = OpenFiles::limited_to(1);
        let path = folder.path().join("a");
        std::fs::write(&path, "old").expect("written");
        let kept = ReadFile::open(&path, &files, None).expect("opens");
        let closed = ReadFile::open(&path, &files, None).expect("opens");
        kept.keep();
        std::fs::write(folder.path().join("b"), "new").expect("written");
        let other = ReadFile::open(&folder.path().join("b"), &files, None).expect("opens");
        assert!(!is_open(&closed));
        std::fs::rename(folder.path().join("b"), &path).expect("renamed");
        assert_eq!(kept.read_at(0, 3).expect("reads"), b"old");
        assert_eq!(other.read_at(0, 3).expect("reads"), b"new");
        assert!(matches!(closed.read_at(0, 3), Err(Error::Replaced { .. })));
    }
}
