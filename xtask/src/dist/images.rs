//! Images of containers, one a role, as archives for `docker load` and `podman load`. They are written here byte by byte:
//! no container engine is needed to make them, and the same commit gives the same bytes.
//!
//! An image has the program, certificate authorities, its user, what its role ships, and nothing else: no shell, no package
//! manager. The health check is the program's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::contents::Role;
use super::tree::Tree;
use super::{Release, roles, run_quietly};

/// The user of every container, which needs no name on the host.
const USER: &str = "10001";

/// Authorities, where distributions keep them.
const AUTHORITIES: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// Folders that belong to the user; a fresh volume mounted there takes that over.
const FOLDERS: [&str; 2] = ["/var/lib/watchpost", "/tokens"];

/// Makes `watchpost-ROLE-VERSION-linux-ARCHITECTURE.image.tar.gz` of each role, or says why not.
pub(super) fn make(release: &Release, scratch: &Path) -> Result<Option<String>> {
    if AUTHORITIES.iter().all(|it| !Path::new(it).exists()) {
        let why = "no images: this machine has no certificate authorities to put into them (apt install ca-certificates)";
        return Ok(Some(why.to_owned()));
    }
    for role in roles() {
        of_role(release, role, &scratch.join("images").join(role.name))?;
    }
    Ok(None)
}

/// The name by which an engine knows it.
pub(super) fn tag(release: &Release, role: &Role) -> String {
    format!("watchpost/{}:{}", role.name, release.version)
}

/// The archive's file in the output.
pub(super) fn file(release: &Release, role: &Role) -> PathBuf {
    let architecture = std::env::consts::ARCH;
    let (name, version) = (role.program(), &release.version);
    let name = format!("{name}-{version}-linux-{architecture}.image.tar.gz");
    release.output.join(name)
}

fn of_role(release: &Release, role: &Role, scratch: &Path) -> Result<()> {
    let archive = scratch.join("archive");
    fs::create_dir_all(&archive)?;
    let layer = archive.join("layer.tar");
    pack(release, &fill(release, role, scratch)?, &layer)?;
    let layer_sum = sum(&layer)?;
    let config = serde_json::to_vec(&config(release, role, &layer_sum)?)?;
    fs::write(archive.join("config.json"), config)?;
    let config_name = format!("{}.json", sum(&archive.join("config.json"))?);
    fs::rename(archive.join("config.json"), archive.join(&config_name))?;
    let manifest = json!([{
        "Config": config_name,
        "RepoTags": [tag(release, role)],
        "Layers": ["layer.tar"],
    }]);
    fs::write(archive.join("manifest.json"), manifest.to_string())?;
    let packed = scratch.join("image.tar");
    tar(
        release,
        &archive,
        &["--owner=0", "--group=0", "--create"],
        &packed,
        &[&config_name, "layer.tar", "manifest.json"],
    )?;
    run_quietly(Command::new("gzip").args(["-9", "-n"]).arg(&packed))?;
    fs::copy(scratch.join("image.tar.gz"), file(release, role))?;
    Ok(())
}

/// The files of the container.
fn fill(release: &Release, role: &Role, scratch: &Path) -> Result<Tree> {
    let tree = Tree::new(scratch.join("root"))?;
    let program = role.program();
    let binary = release.binaries.folder.join(&program);
    tree.copy(&binary, &format!("/usr/bin/{program}"), 0o755)?;
    for library in libraries(release, &binary)? {
        tree.copy(Path::new(&library), &library, 0o755)?;
    }
    let authorities = AUTHORITIES.iter().find(|it| Path::new(it).exists());
    let authorities = authorities.context("no certificate authorities")?;
    tree.copy(Path::new(authorities), AUTHORITIES[0], 0o644)?;
    let user = format!("watchpost:x:{USER}:{USER}::/var/lib/watchpost:/sbin/nologin\n");
    tree.write("/etc/passwd", user.as_bytes(), 0o644)?;
    tree.write(
        "/etc/group",
        format!("watchpost:x:{USER}:\n").as_bytes(),
        0o644,
    )?;
    for (from, folder) in role.shared {
        let name = from.rsplit('/').next().unwrap_or(from);
        let path = format!("/usr/share/watchpost/{folder}/{name}").replace("//", "/");
        tree.copy(&release.root.join(from), &path, 0o644)?;
    }
    if role.configuration.contains(&"platform.toml") {
        let path = "/usr/share/watchpost/deploy/platform.toml";
        tree.copy(&release.root.join("deploy/platform.toml"), path, 0o644)?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let path = format!("/usr/share/licenses/watchpost/{licence}");
        tree.copy(&release.root.join(licence), &path, 0o644)?;
    }
    for folder in FOLDERS {
        tree.folder(folder, 0o700)?;
    }
    // For those who mount one of their own there.
    tree.folder("/tmp", 0o1777)?;
    Ok(tree)
}

/// What a binary that is not static loads, by ldd(1): `/lib/…/libc.so.6` and the like.
fn libraries(release: &Release, binary: &Path) -> Result<Vec<String>> {
    if release.binaries.glibc.is_none() {
        return Ok(Vec::new());
    }
    let listed = run_quietly(Command::new("ldd").arg(binary))?;
    let words = listed.split_whitespace();
    Ok(words
        .filter(|it| it.starts_with('/'))
        .map(str::to_owned)
        .collect())
}

fn pack(release: &Release, tree: &Tree, layer: &Path) -> Result<()> {
    let folders: Vec<String> = FOLDERS.iter().map(|it| format!(".{it}")).collect();
    let left_out: Vec<String> = folders.iter().map(|it| format!("--exclude={it}")).collect();
    let mut of_root = vec!["--owner=0", "--group=0", "--create"];
    of_root.extend(left_out.iter().map(String::as_str));
    tar(release, &tree.root, &of_root, layer, &["."])?;
    let (owner, group) = (format!("--owner={USER}"), format!("--group={USER}"));
    let of_user = [owner.as_str(), &group, "--append"];
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    tar(release, &tree.root, &of_user, layer, &folders)
}

fn tar(
    release: &Release,
    folder: &Path,
    options: &[&str],
    archive: &Path,
    names: &[&str],
) -> Result<()> {
    run_quietly(
        Command::new("tar")
            .args(["--sort=name", "--format=gnu", "--numeric-owner"])
            .arg(format!("--mtime=@{}", release.epoch))
            .arg("--directory")
            .arg(folder)
            .args(options)
            .arg("--file")
            .arg(archive)
            .args(names),
    )?;
    Ok(())
}

/// The image's configuration, as Docker and the OCI's image specification read it.
fn config(release: &Release, role: &Role, layer: &str) -> Result<Value> {
    let program = role.program();
    let created = run_quietly(
        Command::new("date")
            .args(["--utc", "+%Y-%m-%dT%H:%M:%SZ"])
            .arg(format!("--date=@{}", release.epoch)),
    )?;
    let revision = run_quietly(
        Command::new("git")
            .args(["rev-parse", "HEAD"])
            .current_dir(&release.root),
    )?;
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    ensure!(layer.len() == 64, "the layer has no sum");
    let second: u64 = 1_000_000_000;
    let mut config = json!({
        "User": format!("{USER}:{USER}"),
        "Entrypoint": [program],
        "Env": ["PATH=/usr/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
        "WorkingDir": "/var/lib/watchpost",
        "Labels": {
            "org.opencontainers.image.title": program,
            "org.opencontainers.image.description": role.summary,
            "org.opencontainers.image.version": release.version,
            "org.opencontainers.image.revision": revision.trim(),
            "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
        },
    });
    if let Some(check) = role.health_check {
        let mut test = vec!["CMD", program.as_str()];
        test.extend(check);
        config["Healthcheck"] = json!({
            "Test": test, "Interval": 10 * second, "Timeout": 5 * second, "Retries": 3, "StartPeriod": 30 * second,
        });
    }
    Ok(json!({
        "architecture": architecture,
        "os": "linux",
        "created": created.trim(),
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
        "history": [{ "created": created.trim(), "created_by": "cargo xtask dist" }],
    }))
}

/// SHA-256 in hexadecimal digits.
fn sum(path: &Path) -> Result<String> {
    let said = run_quietly(Command::new("sha256sum").arg(path))?;
    Ok(said.split(' ').next().unwrap_or_default().to_owned())
}
