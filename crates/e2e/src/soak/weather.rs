//! The disk that fills up, and the clock that steps.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::End;
use crate::platform::Site;

/// How long each state of the weather lasts.
const SPELL: Duration = Duration::from_secs(15);

/// A disk with more room is somebody's, and is not filled up.
const SMALL_DISK: u64 = 4 << 30;

/// The clock of the platform: `libfaketime` reads what is added to the time from a file.
pub(super) struct Clock {
    library: Option<PathBuf>,
    file: PathBuf,
}

impl Clock {
    pub(super) fn find(file: &Path) -> Self {
        let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let library = folders
            .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
            .find(|path| path.is_file());
        let clock = Self {
            library,
            file: file.to_owned(),
        };
        clock.set("+0");
        clock
    }

    /// Has a command's processes go by this clock. (What measures spans of time is left alone, as it is where a clock is
    /// set.)
    pub(super) fn command_of(&self, mut command: Command) -> Command {
        if let Some(library) = &self.library {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME_TIMESTAMP_FILE", &self.file)
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        command
    }

    /// Writes over what is there, all at once: a disk that is full refuses nothing, and a reader never meets an empty file.
    fn set(&self, offset: &str) {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.file);
        let written = file.and_then(|mut file| file.write_all(format!("{offset:<8}\n").as_bytes()));
        if let Err(error) = written {
            eprintln!("the clock stays as it is: {}: {error}", self.file.display());
        }
    }
}

/// What there was of it.
#[derive(Default)]
pub(super) struct Weather {
    full: u32,
    steps: u32,
    /// What could not be had.
    missing: Vec<String>,
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} times a full disk, {} steps of the clock by a year",
            self.full, self.steps
        )?;
        match self.missing.is_empty() {
            true => Ok(()),
            false => write!(f, " (without {})", self.missing.join(", ")),
        }
    }
}

pub(super) fn change(site: &Site, clock: &Clock, end: &End) -> Weather {
    let mut weather = Weather::default();
    let is_small = free(&site.path("")).is_some_and(|free| free < SMALL_DISK);
    if !is_small {
        weather
            .missing
            .push("a full disk: --folder names no small file system".to_owned());
    }
    if clock.library.is_none() {
        weather
            .missing
            .push("a clock that steps: libfaketime is not installed".to_owned());
    }
    while !end.has_come() {
        end.sleep(SPELL);
        if is_small && !end.has_come() {
            let ballast = site.path("ballast");
            fill(&ballast);
            weather.full += 1;
            end.sleep(SPELL);
            let _ = fs::remove_file(ballast);
            end.sleep(SPELL);
        }
        for offset in ["+365d", "+0", "-365d", "+0"] {
            if clock.library.is_some() && !end.has_come() {
                clock.set(offset);
                weather.steps += 1;
                end.sleep(SPELL);
            }
        }
    }
    clock.set("+0");
    weather
}

/// Bytes that are free on the file system of a folder.
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail * found.f_frsize)
}

/// Writes until there is no room.
fn fill(path: &Path) {
    let Ok(mut file) = File::create(path) else {
        return;
    };
    for size in [1 << 20, 4 << 10, 1] {
        let piece = vec![0; size];
        while file.write_all(&piece).is_ok() {}
    }
}
