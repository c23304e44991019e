//! The way to files that are written, so that tests can make a disk full or a process die at any step.
//!
//! Everything that changes the disk asks [`Faults`] first. In production there are none. Files are made for their owner
//! alone: 0600, folders 0700.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::open_files::{OpenFiles, ReadFile};

/// A change of the disk that is about to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    CreateFolder,
    CreateFile,
    /// So many bytes at the end of a file.
    Write(usize),
    /// So many bytes in the middle of a file, less than a sector: all of them or none.
    Overwrite(usize),
    /// The bytes of a file become durable.
    Sync,
    /// The names in a folder become durable.
    SyncFolder,
    Truncate,
    /// The other name is the one that it gets.
    Rename {
        from: &'a Path,
    },
    Remove,
    /// So many bytes of a file that never changes.
    Read(usize),
}

/// What shall become of it.
#[derive(Debug)]
pub enum Verdict {
    Proceed,
    /// It is not done but counts as done (syncs, in tests that only want to be quick).
    Pretend,
    /// It fails; of a write, so many bytes reach the file before.
    Fail {
        written: usize,
        error: io::Error,
    },
}

/// A disk that fails on purpose.
pub trait Faults: Send + Sync {
    fn judge(&self, operation: Operation<'_>, path: &Path) -> Verdict;
}

/// Files, with or without [`Faults`].
#[derive(Clone)]
pub struct Disk {
    faults: Option<Arc<dyn Faults>>,
    files: Arc<OpenFiles>,
}

/// Descriptors for files that are read, unless a process says how many it can spare.
const OPEN_FILES: usize = 128;

impl Default for Disk {
    fn default() -> Disk {
        Disk {
            faults: None,
            files: OpenFiles::limited_to(OPEN_FILES),
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk")
            .field("faults", &self.faults.is_some())
            .finish()
    }
}

impl Disk {
    /// A disk for tests.
    pub fn with_faults(faults: Arc<dyn Faults>) -> Disk {
        Disk {
            faults: Some(faults),
            ..Disk::default()
        }
    }

    /// The same disk with so many descriptors of its own for files that are read.
    #[must_use]
    pub fn with_open_files(&self, limit: usize) -> Disk {
        Disk {
            faults: self.faults.clone(),
            files: OpenFiles::limited_to(limit),
        }
    }

    /// Opens a file that never changes.
    pub fn open(&self, path: &Path) -> Result<Arc<ReadFile>> {
        ReadFile::open(path, &self.files, self.faults.clone())
    }

    fn judge(&self, operation: Operation<'_>, path: &Path) -> Verdict {
        self.faults
            .as_ref()
            .map_or(Verdict::Proceed, |faults| faults.judge(operation, path))
    }

    /// Whether to do it; `false`: it counts as done.
    fn allow(&self, operation: Operation<'_>, path: &Path, action: &'static str) -> Result<bool> {
        match self.judge(operation, path) {
            Verdict::Proceed => Ok(true),
            Verdict::Pretend => Ok(false),
            Verdict::Fail { error, .. } => Err(Error::io(action, path, error)),
        }
    }

    /// A folder and the ones above it, durable.
    pub fn create_folder(&self, path: &Path) -> Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            self.create_folder(parent)?;
        }
        self.allow(Operation::CreateFolder, path, "create the folder")?;
        match create_private_folder(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("create the folder", path, error));
            }
            _ => {}
        }
        match path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            Some(parent) => self.sync_folder(parent),
            None => Ok(()),
        }
    }

    /// A new, empty file to append to; an old one of that name is emptied.
    pub fn create(&self, path: &Path) -> Result<DiskFile> {
        self.allow(Operation::CreateFile, path, "create")?;
        let file = private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path);
        let file = file.map_err(|error| Error::io("create", path, error))?;
        Ok(DiskFile {
            file,
            path: path.to_path_buf(),
            disk: self.clone(),
        })
    }

    /// A file that is there, or a new one, to append to at its end; gives its length, too.
    pub fn open_at_end(&self, path: &Path) -> Result<(DiskFile, u64)> {
        let is_new = !path.exists();
        if is_new {
            self.allow(Operation::CreateFile, path, "create")?;
        }
        let mut options = private();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options
            .open(path)
            .map_err(|error| Error::io("open", path, error))?;
        let end = io::Seek::seek(&mut file, io::SeekFrom::End(0));
        let length = end.map_err(|error| Error::io("read", path, error))?;
        let file = DiskFile {
            file,
            path: path.to_path_buf(),
            disk: self.clone(),
        };
        if is_new && let Some(folder) = path.parent() {
            self.sync_folder(folder)?;
        }
        Ok((file, length))
    }

    /// Takes a file as a lock for this process, as long as what is given lives; `None` while another one has it.
    pub fn lock(&self, path: &Path) -> Result<Option<File>> {
        let mut options = private();
        let file = options.create(true).truncate(false).write(true).open(path);
        let file = file.map_err(|error| Error::io("open", path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path, error)),
        }
    }

    /// Gives a file or folder another name.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.allow(Operation::Rename { from }, to, "rename to")?;
        std::fs::rename(from, to).map_err(|error| Error::io("rename to", to, error))
    }

    /// Removes a file; one that is gone already is as good.
    pub fn remove(&self, path: &Path) -> Result<()> {
        self.allow(Operation::Remove, path, "remove")?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes a file so that it does not come back after a power cut.
    pub fn remove_durably(&self, path: &Path) -> Result<()> {
        self.remove(path)?;
        path.parent()
            .map_or(Ok(()), |folder| self.sync_folder(folder))
    }

    /// Removes a folder with all that is in it, file by file. One that is gone already is as good.
    pub fn remove_folder(&self, path: &Path) -> Result<()> {
        if !path.exists() {
            return Ok(());
        }
        for entry in list(path)? {
            if entry.is_dir() {
                self.remove_folder(&entry)?;
            } else {
                self.remove(&entry)?;
            }
        }
        self.allow(Operation::Remove, path, "remove")?;
        std::fs::remove_dir(path).map_err(|error| Error::io("remove", path, error))
    }

    /// Makes the names in a folder durable.
    pub fn sync_folder(&self, path: &Path) -> Result<()> {
        let due = self.allow(Operation::SyncFolder, path, "sync the folder")?;
        if due && cfg!(unix) {
            let folder =
                File::open(path).map_err(|error| Error::io("open the folder", path, error))?;
            folder
                .sync_all()
                .map_err(|error| Error::io("sync the folder", path, error))?;
        }
        Ok(())
    }

    /// Puts a whole file in place of the old one: after a crash it is the old or the new.
    /// Gives the new one, to append to.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> Result<DiskFile> {
        let draft = draft_of(path);
        if draft.exists() {
            // One that a crash left, or that somebody may read.
            self.remove(&draft)?;
        }
        let mut file = self.create(&draft)?;
        if let Err(error) = file.append(bytes).and_then(|()| file.sync()) {
            // A draft must not take the last of a full disk; the next opening sweeps it otherwise.
            let _ = self.remove(&draft);
            return Err(error);
        }
        if let Err(error) = self.rename(&draft, path) {
            let _ = self.remove(&draft);
            return Err(error);
        }
        file.path = path.to_path_buf();
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            self.sync_folder(parent)?;
        }
        Ok(file)
    }
}

/// For streams: what is written is appended.
impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The ending of files that are being written; after a crash they are swept away.
pub const DRAFT: &str = "draft";

/// The name a file has until it is whole.
pub fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(DRAFT);
    PathBuf::from(name)
}

/// A file that is written at its end and read anywhere.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
    disk: Disk,
}

impl DiskFile {
    /// Appends; on an error some of the bytes may be in the file.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let (part, refusal) = match self.disk.judge(Operation::Write(bytes.len()), &self.path) {
            Verdict::Proceed => (bytes, Ok(())),
            Verdict::Pretend => return Ok(()),
            Verdict::Fail { written, error } => (&bytes[..written.min(bytes.len())], Err(error)),
        };
        let written = self.file.write_all(part).and(refusal);
        written.map_err(|error| Error::io("write to", &self.path, error))
    }

    /// Makes the bytes durable. If it fails, what the system kept of them is unknown, and another sync would not say:
    /// write them anew to another file.
    pub fn sync(&self) -> Result<()> {
        if !self.disk.allow(Operation::Sync, &self.path, "sync")? {
            return Ok(());
        }
        self.file
            .sync_data()
            .map_err(|error| Error::io("sync", &self.path, error))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts the file and goes on writing there.
    pub fn truncate(&mut self, length: u64) -> Result<()> {
        use std::io::Seek;
        self.disk
            .allow(Operation::Truncate, &self.path, "truncate")?;
        let cut = self
            .file
            .set_len(length)
            .and_then(|()| self.file.seek(io::SeekFrom::Start(length)));
        cut.map(|_| ())
            .map_err(|error| Error::io("truncate", &self.path, error))
    }

    /// A second handle, to sync and overwrite while another thread appends.
    pub fn reopen(&self) -> Result<DiskFile> {
        let file = OpenOptions::new().write(true).open(&self.path);
        Ok(DiskFile {
            file: file.map_err(|error| Error::io("open", &self.path, error))?,
            path: self.path.clone(),
            disk: self.disk.clone(),
        })
    }

    /// Writes less than a sector in place.
    pub fn overwrite(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let operation = Operation::Overwrite(bytes.len());
        if !self.disk.allow(operation, &self.path, "write to")? {
            return Ok(());
        }
        write_all_at(&self.file, bytes, offset)
            .map_err(|error| Error::io("write to", &self.path, error))
    }
}

/// Options for files that only their owner may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Reads exactly so many bytes at an offset.
pub fn read_at(file: &File, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    read_exact_at(file, &mut bytes, offset).map_err(|error| Error::io("read", path, error))?;
    Ok(bytes)
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = &bytes[count..];
        offset += count as u64;
    }
    Ok(())
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[count..];
        offset += count as u64;
    }
    Ok(())
}

/// The bytes of a file.
pub fn length(file: &File, path: &Path) -> Result<u64> {
    let metadata = file.metadata();
    Ok(metadata
        .map_err(|error| Error::io("read", path, error))?
        .len())
}

/// Opens a file to read it.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::io("open", path, error))
}

/// `None` if there is no such file.
pub fn open_if_present(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path, error)),
    }
}

/// A whole file; `None` if there is none.
pub fn read_if_present(path: &Path) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// What a folder holds, sorted; nothing if it does not exist.
pub fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", path, error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(
            entry
                .map_err(|error| Error::io("list", path, error))?
                .path(),
        );
    }
    paths.sort();
    Ok(paths)
}

/// What a folder holds, sorted; nothing of a file or of what does not exist.
pub fn list_if_folder(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_dir() {
        list(path)
    } else {
        Ok(Vec::new())
    }
}
