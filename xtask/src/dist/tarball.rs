//! The tarball of all roles, for machines without a package manager: programs, units, configuration, manual pages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::tree::Tree;
use super::{Release, manual, roles, run_quietly};

/// Makes `watchpost-VERSION-linux-ARCHITECTURE.tar.gz`.
pub(super) fn make(release: &Release, scratch: &Path) -> Result<()> {
    let architecture = std::env::consts::ARCH;
    let name = format!("watchpost-{}-linux-{architecture}", release.version);
    let tree = Tree::new(scratch.join("tarball").join(&name))?;
    for role in roles() {
        tree.fill(release, role, &scratch.join("manual"), manual::ZSH)?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"] {
        tree.copy(&release.root.join(licence), &format!("/{licence}"), 0o644)?;
    }
    tree.copy(
        &release.root.join("docs/installing.md"),
        "/INSTALLING.md",
        0o644,
    )?;
    let archive = scratch.join(format!("{name}.tar"));
    run_quietly(
        Command::new("tar")
            .args([
                "--sort=name",
                "--format=gnu",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
            ])
            .arg(format!("--mtime=@{}", release.epoch))
            .arg("--directory")
            .arg(scratch.join("tarball"))
            .arg("--create")
            .arg("--file")
            .arg(&archive)
            .arg(&name),
    )?;
    run_quietly(Command::new("gzip").args(["-9", "-n"]).arg(&archive))?;
    let made = scratch.join(format!("{name}.tar.gz"));
    fs::copy(made, release.output.join(format!("{name}.tar.gz")))?;
    Ok(())
}
