//! Reading small kernel files below a root. The root is `/` on a host, another folder in a container that
//! sees its host's `/proc` and `/sys`, and a recorded tree in the tests.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::CollectError;

/// A kernel file larger than this is cut: no file read here comes near it on a sane host, and a runaway one must not
/// become resident memory.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// A file that is read by lines may be longer, for it is never held: a million sockets in `/proc/net/tcp` are 150 MB.
const MAX_LISTED_BYTES: u64 = 1024 * 1024 * 1024;

/// What is read of such a file at a time: the kernel gives no more than a page of `/proc/net/tcp`.
const LISTED_AT_A_TIME: usize = 4096;

/// Buffers that grew past this for one large file are given back after it.
const KEEP_BUFFER_BYTES: usize = 64 * 1024;

/// Files below a root, read into one buffer that is used again and again.
#[derive(Debug)]
pub struct HostFiles {
    root: PathBuf,
    path: PathBuf,
    text: String,
}

impl HostFiles {
    /// Files below `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            path: PathBuf::new(),
            text: String::new(),
        }
    }

    /// The root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the root is that of the running system, so that `/proc/self` speaks of the same host.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The full path of `relative` (which has no leading slash).
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The text of a file; bytes that are not UTF-8 are replaced.
    pub fn read(&mut self, relative: &str) -> Result<&str, CollectError> {
        self.load(relative).map_err(|source| CollectError::Read {
            path: self.path.clone(),
            source,
        })?;
        Ok(&self.text)
    }

    /// The text of a file, or `None` where this kernel or host has no such file or does not let us read it.
    pub fn read_optional(&mut self, relative: &str) -> Option<&str> {
        self.load(relative).ok()?;
        Some(&self.text)
    }

    /// Gives each line of a file that may be long, without its end; bytes that are not UTF-8 are replaced.
    pub fn each_line(
        &self,
        relative: &str,
        mut take: impl FnMut(&str),
    ) -> Result<(), CollectError> {
        let path = self.root.join(relative);
        let mut read = || {
            let file = File::open(&path)?.take(MAX_LISTED_BYTES);
            let mut lines = BufReader::with_capacity(LISTED_AT_A_TIME, file);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line)? > 0 {
                take(String::from_utf8_lossy(&line).trim_end_matches('\n'));
                line.clear();
            }
            Ok(())
        };
        read().map_err(|source| CollectError::Read { path, source })
    }

    /// The names in a folder, sorted; none where the folder is absent.
    pub fn list(&self, relative: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.root.join(relative)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    }

    /// The folders in a folder, sorted; links are none.
    pub fn folders(&self, relative: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.root.join(relative)) else {
            return Vec::new();
        };
        let folders = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut names: Vec<String> = folders
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    }

    /// Whether `relative` exists; a link does, wherever it leads.
    pub fn exists(&self, relative: &str) -> bool {
        self.root.join(relative).symlink_metadata().is_ok()
    }

    /// A parse error in the file read last.
    pub fn malformed(&self, relative: &str, what: impl Into<String>) -> CollectError {
        CollectError::Malformed {
            path: self.root.join(relative),
            what: what.into(),
        }
    }

    fn load(&mut self, relative: &str) -> io::Result<()> {
        self.path.clear();
        self.path.push(&self.root);
        self.path.push(relative);
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        bytes.clear();
        if bytes.capacity() > KEEP_BUFFER_BYTES {
            bytes = Vec::new();
        }
        let read = File::open(&self.path)
            .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes));
        if read.is_err() {
            bytes.clear();
        }
        self.text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        read.map(drop)
    }
}

/// A name in a kernel file that separates by blanks: there a blank, a tab, a newline, `#` and a backslash stand
/// as a backslash and three octal digits (`\040`; `mangle_path` in fs/seq_file.c).
pub fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = octal(&bytes[at..]);
        plain.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 4 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The byte that `\NNN` at the start stands for.
fn octal(bytes: &[u8]) -> Option<u8> {
    let [b'\\', digits @ ..] = bytes.get(..4)? else {
        return None;
    };
    digits.iter().try_fold(0_u8, |value, digit| {
        let digit = (b'0'..=b'7').contains(digit).then(|| digit - b'0')?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn every_escape_is_read_once() {
        let escaped = r"/a\040b\134040\011\012\043\303\244 \08 \9";
        assert_eq!(
            unescape(&escaped.replace(r"\\", r"\")),
            "/a b\\040\t\n#ä \\08 \\9"
        );
    }
}
