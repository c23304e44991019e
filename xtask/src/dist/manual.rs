//! Manual pages and shell completions, by the crate `manual`, which nothing else builds.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::contents::Role;
use super::tree::Tree;
use super::{Release, run_quietly};

/// The program that writes them.
pub(super) const PROGRAM: &str = "watchpost-manual";

/// Folders for zsh's completions: distributions differ.
pub(super) const ZSH_OF_DEBIAN: &str = "vendor-completions";
pub(super) const ZSH: &str = "site-functions";

/// Writes those of all roles into `folder`: by the program beside the binaries, or by one that is built for it.
pub(super) fn make(release: &Release, folder: &Path) -> Result<()> {
    let built = release.binaries.folder.join(PROGRAM);
    let mut command = match built.is_file() {
        true => Command::new(built),
        false => {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["run", "--quiet", "--locked", "--package", PROGRAM, "--"]);
            cargo
        }
    };
    run_quietly(command.arg(folder).current_dir(&release.root))?;
    Ok(())
}

/// Puts a role's pages and completions where a system looks for them.
pub(super) fn add(tree: &Tree, role: &Role, folder: &Path, zsh: &str) -> Result<()> {
    let program = role.program();
    for entry in fs::read_dir(folder.join("man1"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let of_command = name.strip_prefix(&program);
        if of_command.is_some_and(|rest| rest.starts_with(['.', '-'])) {
            let page = fs::read(folder.join("man1").join(&name))?;
            tree.write_compressed(&format!("/usr/share/man/man1/{name}"), &page)?;
        }
    }
    let places = [
        (
            format!("bash/{program}.bash"),
            format!("bash-completion/completions/{program}"),
        ),
        (format!("zsh/_{program}"), format!("zsh/{zsh}/_{program}")),
        (
            format!("fish/{program}.fish"),
            format!("fish/vendor_completions.d/{program}.fish"),
        ),
    ];
    for (from, to) in places {
        tree.copy(&folder.join(from), &format!("/usr/share/{to}"), 0o644)?;
    }
    Ok(())
}
