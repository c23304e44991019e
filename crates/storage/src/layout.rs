//! The data folder itself: its lock, its version, its sub-folders.
//!
//! ```text
//! LAYOUT                       which version of this layout, with a checksum
//! LOCK                         held by the one process that has the folder open
//! log/NUMBER.wal               see `log` and `mark`
//! data/BUCKET/START_STOP/FIRST_LAST.segment     see `segment`; one folder a shard
//! documents/NAME               see `document`
//! orphaned/BUCKET              points that were set aside because no bucket of theirs is known
//! damaged/                     originals of files that were repaired, and reports of what was lost
//! trash/                       shards and buckets on their way out
//! ```

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::damage::{Damage, Lost};
use crate::disk::{self, DRAFT, Disk};
use crate::error::{Error, Result};

/// The layout this program writes.
pub(crate) const VERSION: &str = "watchpost-storage 2";

/// The layouts it reads. The first is that of logs without a mark of what was acknowledged; opening
/// makes it the current one.
const READABLE: [&str; 2] = ["watchpost-storage 1", VERSION];

/// How often a lock that is held is tried again: a quarter of a second in all. A process that is
/// just ending holds it a moment longer, and so does a child that another thread is starting.
const LOCK_TRIES: usize = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Bytes copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// The paths below a data folder.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Layout {
        Layout {
            root: root.to_path_buf(),
        }
    }

    pub(crate) fn version_file(&self) -> PathBuf {
        self.root.join("LAYOUT")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    pub(crate) fn damaged(&self) -> PathBuf {
        self.root.join("damaged")
    }

    pub(crate) fn orphaned(&self) -> PathBuf {
        self.root.join("orphaned")
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    /// Takes the folder for this process; the lock goes with the file.
    pub(crate) fn lock(&self, disk: &Disk) -> Result<File> {
        let path = self.root.join("LOCK");
        for _ in 0..LOCK_TRIES {
            if let Some(lock) = disk.lock(&path)? {
                return Ok(lock);
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        Err(Error::Locked {
            path: self.root.clone(),
        })
    }

    /// Refuses a folder of another version or of another program, before anything is touched.
    pub(crate) fn refuse_foreign(&self) -> Result<()> {
        let Some(found) = disk::read_if_present(&self.version_file())? else {
            // A folder whose first opening was cut short holds these at most.
            let ours = [self.root.join("LOCK"), disk::draft_of(&self.version_file())];
            return match disk::list(&self.root)?
                .into_iter()
                .find(|path| !ours.contains(path))
            {
                Some(path) => Err(self.unknown(&format!("no LAYOUT file, but {}", path.display()))),
                None => Ok(()),
            };
        };
        match parse_version(&found) {
            Some(version) if READABLE.contains(&version.as_str()) => Ok(()),
            Some(version) => Err(self.unknown(&version)),
            None if looks_like_ours(&found) => Ok(()),
            None => Err(self.unknown(&String::from_utf8_lossy(&found))),
        }
    }

    /// Writes the version of a new folder, or of one with an earlier layout. A damaged version file is written anew (the files
    /// beside it carry versions of their own) and reported.
    pub(crate) fn settle_version(&self, disk: &Disk) -> Result<Option<Damage>> {
        let path = self.version_file();
        let found = disk::read_if_present(&path)?;
        let version = found.as_deref().and_then(parse_version);
        if version.as_deref() == Some(VERSION) {
            return Ok(None);
        }
        disk.replace(&path, version_text(VERSION).as_bytes())?;
        let damaged = found.filter(|_| version.is_none());
        Ok(damaged.map(|found| self.version_damage(found.len())))
    }

    /// The damage of a version file that does not match its checksum.
    pub(crate) fn version_damage(&self, bytes: usize) -> Damage {
        Damage {
            file: PathBuf::from("LAYOUT"),
            offset: 0,
            bytes: bytes as u64,
            reason: "the version does not match its checksum".to_owned(),
            lost: Lost {
                rows: Some(0),
                ..Lost::default()
            },
        }
    }

    fn unknown(&self, found: &str) -> Error {
        Error::UnknownLayout {
            path: self.root.clone(),
            found: found.trim().to_owned(),
            known: VERSION,
        }
    }

    /// Removes what a crash left half-made.
    pub(crate) fn sweep(&self, disk: &Disk) -> Result<()> {
        for path in disk::list(&self.trash())? {
            if path.is_dir() {
                disk.remove_folder(&path)?;
            } else {
                disk.remove(&path)?;
            }
        }
        remove_drafts(disk, &self.root)?;
        remove_drafts(disk, &self.documents())?;
        remove_drafts(disk, &self.log())?;
        for bucket in disk::list(&self.data())? {
            for shard in disk::list_if_folder(&bucket)? {
                remove_drafts(disk, &shard)?;
            }
        }
        Ok(())
    }

    /// Every segment file.
    pub(crate) fn segment_files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for bucket in disk::list(&self.data())? {
            for shard in disk::list_if_folder(&bucket)? {
                let of_shard = disk::list_if_folder(&shard)?;
                files.extend(of_shard.into_iter().filter(|path| {
                    path.extension()
                        .is_some_and(|extension| extension == crate::segment::EXTENSION)
                }));
            }
        }
        Ok(files)
    }

    /// Moves a folder out of the way, so that it is gone at once, and then removes it.
    pub(crate) fn discard_folder(&self, disk: &Disk, folder: &Path) -> Result<()> {
        if !folder.exists() {
            return Ok(());
        }
        let trash = self.trash();
        disk.create_folder(&trash)?;
        let relative = folder.strip_prefix(&self.root).unwrap_or(folder);
        let name = relative
            .to_string_lossy()
            .replace(std::path::MAIN_SEPARATOR, "+");
        let target = trash.join(name);
        if target.exists() {
            disk.remove_folder(&target)?;
        }
        disk.rename(folder, &target)?;
        if let Some(parent) = folder.parent() {
            disk.sync_folder(parent)?;
        }
        Ok(disk.remove_folder(&target)?)
    }

    /// Moves a folder of points to `orphaned`, under a name that is free there; gives its place.
    pub(crate) fn move_aside(&self, disk: &Disk, folder: &Path) -> Result<PathBuf> {
        let orphaned = self.orphaned();
        disk.create_folder(&orphaned)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let numbered = (2..).map(|number| orphaned.join(format!("{name}.{number}")));
        let mut names = std::iter::once(orphaned.join(&*name)).chain(numbered);
        let target = names.find(|path| !path.exists()).unwrap_or_default();
        disk.rename(folder, &target)?;
        // First where it is: a power cut in between may leave both names, never none.
        disk.sync_folder(&orphaned)?;
        disk.sync_folder(&self.data())?;
        Ok(target)
    }

    /// Keeps a copy of a damaged file, so that a repair destroys nothing; one copy of each state.
    pub(crate) fn keep_original(&self, disk: &Disk, path: &Path) -> Result<()> {
        let folder = self.damaged();
        disk.create_folder(&folder)?;
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        let name = relative
            .to_string_lossy()
            .replace(std::path::MAIN_SEPARATOR, "+");
        let mut target = folder.join(&name);
        for number in 2.. {
            if !target.exists() {
                break;
            }
            if same_bytes(path, &target)? {
                return Ok(());
            }
            target = folder.join(format!("{name}.{number}"));
        }
        let mut original = disk::open(path)?;
        let mut copy = disk.create(&target)?;
        let mut part = vec![0; COPY_BYTES];
        loop {
            let count = original
                .read(&mut part)
                .map_err(|error| Error::io("read", path, error))?;
            if count == 0 {
                // With its name, for the original may go next.
                copy.sync()?;
                return Ok(disk.sync_folder(&folder)?);
            }
            copy.append(&part[..count])?;
        }
    }
}

/// Whether two files hold the same.
fn same_bytes(left: &Path, right: &Path) -> Result<bool> {
    Ok(disk::read_if_present(left)? == disk::read_if_present(right)?)
}

fn remove_drafts(disk: &Disk, folder: &Path) -> Result<()> {
    for path in disk::list_if_folder(folder)? {
        if path.extension().is_some_and(|extension| extension == DRAFT) {
            disk.remove(&path)?;
        }
    }
    Ok(())
}

/// `watchpost-storage 1 0badcafe`: the version and its CRC.
fn version_text(version: &str) -> String {
    format!("{version} {:08x}\n", crc32fast::hash(version.as_bytes()))
}

/// The version, if it matches its checksum.
pub(crate) fn parse_version(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (version, _) = text.trim_end().rsplit_once(' ')?;
    (text == version_text(version)).then(|| version.to_owned())
}

/// Whether the text is that of a readable version but for a few bytes (a flipped one, say).
fn looks_like_ours(bytes: &[u8]) -> bool {
    READABLE.map(version_text).iter().any(|ours| {
        let different = ours
            .bytes()
            .zip(bytes)
            .filter(|(left, right)| left != *right)
            .count();
        bytes.len() == ours.len() && different <= 2
    })
}

/// Whether a folder holds nothing (or is not there).
pub(crate) fn is_empty_folder(path: &Path) -> Result<bool> {
    match std::fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Error::io("list", path, error)),
    }
}
