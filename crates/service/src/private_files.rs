//! What a process writes is for its user alone.

/// Makes every file that this process, or one that it starts, makes from now on 0600 at most, and every folder 0700: by the
/// mask of the process (umask(2)), so that no place that makes one can forget it. Call it first in `main`.
#[cfg(unix)]
pub fn keep() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// Other systems give a new file the rights of its folder.
#[cfg(not(unix))]
pub fn keep() {}
