//! The binaries that are packaged: built, or found in a folder; and which C library they need.
//!
//! Static ones are of musl, not of glibc: a static glibc still loads the modules that the machine's nsswitch.conf names,
//! which are of another glibc there, while musl asks `/etc/hosts` and the name server by itself. What allocates and copies a
//! lot takes half as long again with it (a loop over a map of small vectors, 0.29 s for 0.19 s; mimalloc in place of musl's
//! allocator did not change that). `--binaries` packages others, such as those of `cargo build --release`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::contents::ROLES;
use super::manual;

/// Where the binaries lie, and the newest glibc that one of them asks for.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    /// Minor number of glibc 2; `None` for static binaries.
    pub(super) glibc: Option<u32>,
}

impl Binaries {
    /// Builds all roles, with musl if the toolchain has it.
    pub(super) fn build(root: &Path) -> Result<Self> {
        let musl = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["build", "--release", "--locked", "--bins"])
            .current_dir(root);
        for role in &ROLES {
            command.args(["--package", &role.program()]);
        }
        command.args(["--package", manual::PROGRAM]);
        let mut folder = target_folder(root);
        if has_target(&musl) {
            command.args(["--target", &musl]);
            folder.push(&musl);
        }
        let status = command.status().context("cannot start cargo")?;
        if !status.success() {
            bail!("the binaries did not build: the messages above say why");
        }
        Self::found(&folder.join("release"))
    }

    /// Takes those of a folder.
    pub(super) fn found(folder: &Path) -> Result<Self> {
        let mut glibc = None;
        for role in &ROLES {
            let path = folder.join(role.program());
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            glibc = glibc.max(newest_glibc(&bytes));
        }
        Ok(Self {
            folder: std::path::absolute(folder)?,
            glibc,
        })
    }

    /// For people: what a machine needs to run them.
    pub(super) fn libc(&self) -> String {
        match self.glibc {
            None => {
                "The binaries are static: they run on any Linux of this architecture.".to_owned()
            }
            Some(minor) => format!(
                "The binaries need glibc 2.{minor} or newer, for the toolchain has no musl target \
                 (rustup target add {}-unknown-linux-musl).",
                std::env::consts::ARCH
            ),
        }
    }
}

/// Cargo's target folder.
pub(super) fn target_folder(root: &Path) -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR");
    root.join(named.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

fn has_target(target: &str) -> bool {
    let output = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output();
    output.is_ok_and(|it| {
        String::from_utf8_lossy(&it.stdout)
            .lines()
            .any(|line| line == target)
    })
}

/// The dynamic symbols of a binary name the version of glibc that first had them: `GLIBC_2.34`.
fn newest_glibc(bytes: &[u8]) -> Option<u32> {
    const MARK: &[u8] = b"GLIBC_2.";
    let places = bytes.windows(MARK.len()).enumerate();
    places
        .filter(|(_, window)| *window == MARK)
        .filter_map(|(at, _)| {
            let rest = &bytes[at + MARK.len()..];
            let digits = rest
                .iter()
                .take(3)
                .take_while(|it| it.is_ascii_digit())
                .count();
            std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::newest_glibc;

    #[test]
    fn the_newest_version_that_is_named_counts() {
        let bytes = b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0";
        assert_eq!(newest_glibc(bytes), Some(34));
        assert_eq!(newest_glibc(b"static"), None);
    }
}
