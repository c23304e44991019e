//! Packages with an update, once an hour, where no file of the system counts them: by the lists that the package manager
//! fetched last. Nothing is fetched.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::command::{self, Output};
use super::host_files::HostFiles;
use super::kernel;
use super::row::Row;
use super::{CollectError, Collector, Points};

/// How long a package manager may take: it reads lists of 60,000 packages, which is 5 s of processor, and much longer
/// on a small or busy host.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// What it may say: a line a package.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Debian's, by a simulation that needs no rights and takes no lock.
const APT: [&str; 5] = [
    "-qq",
    "--simulate",
    "-o",
    "Debug::NoLocking=true",
    "dist-upgrade",
];

/// That of RPM's distributions, by its cache.
const DNF: [&str; 3] = ["--cacheonly", "--quiet", "check-update"];

/// What dnf ends with when there are updates.
const DNF_HAS_UPDATES: i32 = 100;

/// Runs a program with arguments.
pub type Run = Arc<dyn Fn(&str, &[&str]) -> io::Result<Output> + Send + Sync>;

/// Runs it within [`DEADLINE`].
///
/// Errors: there is none, or it takes too long.
pub fn run(program: &str, arguments: &[&str]) -> io::Result<Output> {
    command::run(program, arguments, DEADLINE, MAX_BYTES)
}

/// Counts updates.
pub struct Packages {
    run: Run,
    failing: bool,
}

impl Packages {
    /// Asks by `run`.
    pub fn new(run: Run) -> Self {
        Self {
            run,
            failing: false,
        }
    }

    fn count(&self, files: &HostFiles) -> io::Result<Option<u64>> {
        let has = |program: &str| files.exists(&format!("usr/bin/{program}"));
        if files.exists(kernel::UPDATES) {
            return Ok(None); // The collector of the kernel reads it.
        }
        if has("apt-get") && files.exists("var/lib/dpkg/status") {
            let text = (self.run)("apt-get", &APT)?.of_success("apt-get")?;
            return Ok(Some(apt(&text)));
        }
        for program in ["dnf", "yum"] {
            if has(program) {
                let output = (self.run)(program, &DNF)?;
                return match output.code {
                    Some(DNF_HAS_UPDATES) => Ok(Some(dnf(&output.text))),
                    _ => output.of_success(program).map(|_| Some(0)),
                };
            }
        }
        Ok(None)
    }
}

/// `Inst libc6 [2.36-9] (2.36-10 Debian:12.1/stable [amd64])`, a line a package.
fn apt(text: &str) -> u64 {
    text.lines()
        .filter(|line| line.starts_with("Inst "))
        .count() as u64
}

/// `bash.x86_64    5.2.26-4.el9    baseos`, up to the packages that replace others.
fn dnf(text: &str) -> u64 {
    let updates = text
        .lines()
        .take_while(|line| !line.starts_with("Obsoleting"));
    let is_package = |line: &&str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        words.len() == 3 && words[0].contains('.') && !line.starts_with(' ')
    };
    updates.filter(is_package).count() as u64
}

impl Collector for Packages {
    fn name(&self) -> &'static str {
        "packages"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        match self.count(files) {
            Ok(count) => {
                self.failing = false;
                let row = Row::new("system", at).optional_integer("packages_upgradable", count);
                points.push(row);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "Updates of packages are not counted.");
                }
            }
        }
        Ok(())
    }
}
