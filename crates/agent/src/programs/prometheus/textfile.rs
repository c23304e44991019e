//! Files named `*.prom` in folders, which jobs leave behind (by renaming, so that none is read half written): what
//! node_exporter calls its textfile collector.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::samples::{MEASUREMENT, Samples};
use super::text::Format;
use crate::collectors::{CollectError, Collector, HostFiles, Points};
use crate::programs::Intake;
use watchpost_core::point::SeriesKey;

/// Files at most, of all folders: the first by name.
const MAX_FILES: usize = 64;

/// Bytes of one file.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the files of the folders.
pub struct TextFiles {
    folders: Vec<PathBuf>,
    max_samples: usize,
    intake: Intake,
}

impl TextFiles {
    /// The files of `folders`, at most `max_samples` each.
    pub fn new(folders: &[PathBuf], max_samples: usize, intake: Intake) -> Self {
        Self {
            folders: folders.to_vec(),
            max_samples,
            intake,
        }
    }

    fn one(&self, path: &Path, name: &str, at: i64, points: &mut Points) {
        let mut samples = Samples::new(Vec::new(), at);
        let read = load(path).and_then(|(page, modified)| {
            let taken = samples.take(&page, Format::Prometheus, self.max_samples, &self.intake);
            taken.map_err(io::Error::other)?;
            Ok(modified)
        });
        let modified = read.unwrap_or_else(|error| {
            self.intake
                .refuse(&format!("{}: {error}", path.display()), b"");
            samples = Samples::new(Vec::new(), at);
            None
        });
        let series = || SeriesKey::new(MEASUREMENT, [("file", name)]);
        if let Some(seconds) = modified {
            samples.set(series(), at, "node_textfile_mtime_seconds", seconds);
        }
        samples.push_into(points);
    }
}

/// The content of a file and when it was written, in seconds since 1970.
fn load(path: &Path) -> io::Result<(Vec<u8>, Option<f64>)> {
    // Asked before it is opened: to open a pipe would wait for its writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let file = File::open(path)?;
    let modified = file.metadata()?.modified().ok();
    let seconds =
        modified.and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs_f64()));
    let mut page = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut page)?;
    match page.len() as u64 > MAX_BYTES {
        true => Err(io::Error::other("it is larger than 1 MiB")),
        false => Ok((page, seconds)),
    }
}

impl Collector for TextFiles {
    fn name(&self) -> &'static str {
        "textfile"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let mut left = MAX_FILES;
        for folder in &self.folders {
            let relative = folder.to_string_lossy();
            let relative = relative.trim_start_matches('/');
            let names = files.list(relative);
            for name in names.iter().filter(|name| name.ends_with(".prom")) {
                let Some(less) = left.checked_sub(1) else {
                    self.intake.refuse(
                        &format!("there are more than {MAX_FILES} files"),
                        name.as_bytes(),
                    );
                    return Ok(());
                };
                left = less;
                let path = files.path(&format!("{relative}/{name}"));
                self.one(&path, name, at, points);
            }
        }
        Ok(())
    }
}
