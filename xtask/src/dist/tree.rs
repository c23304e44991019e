//! A folder as it will lie on the machine, with the rights that it will have there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::contents::Role;
use super::{Release, manual, run_quietly};

/// The root of a package's files.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: PathBuf,
}

impl Tree {
    /// An empty one.
    pub(super) fn new(root: PathBuf) -> Result<Self> {
        let tree = Self { root };
        tree.folder("", 0o755)?;
        Ok(tree)
    }

    /// Makes a folder, with those above it; `path` is absolute on the machine.
    pub(super) fn folder(&self, path: &str, mode: u32) -> Result<PathBuf> {
        let mut place = self.root.clone();
        let parts = path.split('/').filter(|it| !it.is_empty());
        for part in parts {
            set_mode_of_new(&place)?;
            place.push(part);
        }
        set_mode_of_new(&place)?;
        fs::set_permissions(&place, fs::Permissions::from_mode(mode))?;
        Ok(place)
    }

    /// Writes a file.
    pub(super) fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let place = self.folder(folder, 0o755)?.join(name);
        fs::write(&place, content).with_context(|| format!("cannot write {}", place.display()))?;
        fs::set_permissions(&place, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    /// Copies a file.
    pub(super) fn copy(&self, from: &Path, path: &str, mode: u32) -> Result<()> {
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.write(path, &content, mode)
    }

    /// Writes a file compressed, without a name and a time in it.
    pub(super) fn write_compressed(&self, path: &str, content: &[u8]) -> Result<()> {
        self.write(path, content, 0o644)?;
        let place = self.root.join(path.trim_start_matches('/'));
        run_quietly(Command::new("gzip").args(["-9", "-n"]).arg(place))?;
        Ok(())
    }

    /// All that a role brings. Returns the files that are configuration.
    pub(super) fn fill(
        &self,
        release: &Release,
        role: &Role,
        manual: &Path,
        zsh: &str,
    ) -> Result<Vec<String>> {
        let deploy = release.root.join("deploy");
        let program = role.program();
        self.copy(
            &release.binaries.folder.join(&program),
            &format!("/usr/bin/{program}"),
            0o755,
        )?;
        for unit in role.units.iter().chain(role.more_units) {
            let path = format!("/usr/lib/systemd/system/{unit}");
            self.copy(&deploy.join("systemd").join(unit), &path, 0o644)?;
        }
        for kind in ["sysusers.d", "tmpfiles.d"] {
            let file = format!("{kind}/{program}.conf");
            self.copy(&deploy.join(&file), &format!("/usr/lib/{file}"), 0o644)?;
        }
        if role.has_firewall_service {
            let from = deploy.join(format!("firewalld/{program}.xml"));
            self.copy(
                &from,
                &format!("/usr/lib/firewalld/services/{program}.xml"),
                0o644,
            )?;
        }
        for (from, folder) in role.shared {
            let name = from.rsplit('/').next().unwrap_or(from);
            let path = format!("/usr/share/watchpost/{folder}/{name}").replace("//", "/");
            self.copy(&release.root.join(from), &path, 0o644)?;
        }
        for folder in role.folders {
            self.folder(folder, 0o755)?;
        }
        manual::add(self, role, manual, zsh)?;
        let mut configuration = Vec::new();
        for name in role.configuration {
            let path = format!("/etc/watchpost/{name}");
            self.write(&path, configuration_file(release, name)?.as_bytes(), 0o644)?;
            configuration.push(path);
        }
        Ok(configuration)
    }
}

/// Files of `deploy/etc`; the desired state is that of `deploy/`, with its tasks where packages put them.
pub(super) fn configuration_file(release: &Release, name: &str) -> Result<String> {
    let deploy = release.root.join("deploy");
    let mut text = match name {
        "platform.toml" => fs::read_to_string(deploy.join(name))?
            .replace("\"../flux-tasks/", "\"/usr/share/watchpost/flux-tasks/"),
        _ => fs::read_to_string(deploy.join("etc").join(name)).with_context(|| name.to_owned())?,
    };
    if release.is_previous {
        text.push_str("\n# As the previous version shipped it.\n");
    }
    Ok(text)
}

fn set_mode_of_new(folder: &Path) -> Result<()> {
    if !folder.exists() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
