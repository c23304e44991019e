//! Packages for Debian and Ubuntu, by `dpkg-deb`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::contents::{MAINTAINER, PLATFORM, PLATFORM_DESCRIPTION, PLATFORM_SUMMARY, Role};
use super::tree::Tree;
use super::{Release, is_there, manual, roles, run_quietly, script};

/// Makes a package a role, and one that depends on them all; or says why not.
pub(super) fn make(release: &Release, scratch: &Path) -> Result<Option<String>> {
    if !is_there("dpkg-deb") {
        return Ok(Some(
            "no .deb: dpkg-deb is not on the PATH (apt install dpkg)".to_owned(),
        ));
    }
    for role in roles() {
        of_role(release, role, scratch)?;
    }
    of_platform(release, scratch)?;
    Ok(None)
}

fn of_role(release: &Release, role: &Role, scratch: &Path) -> Result<()> {
    let name = role.program();
    let tree = Tree::new(scratch.join("deb").join(&name))?;
    let configuration = tree.fill(
        release,
        role,
        &scratch.join("manual"),
        manual::ZSH_OF_DEBIAN,
    )?;
    documents(release, &tree, &name)?;
    let mut depends = vec!["systemd".to_owned()];
    if let Some(minor) = release.binaries.glibc {
        depends.push(format!("libc6 (>= 2.{minor})"));
        depends.push("libgcc-s1".to_owned());
    }
    let control = control(release, &name, &depends, role.summary, role.description);
    tree.write("/DEBIAN/control", control.as_bytes(), 0o644)?;
    let listed: String = configuration.iter().map(|it| format!("{it}\n")).collect();
    tree.write("/DEBIAN/conffiles", listed.as_bytes(), 0o644)?;
    for (file, source) in [
        ("preinst", "before-install"),
        ("postinst", "after-install"),
        ("prerm", "before-remove"),
        ("postrm", "after-remove"),
    ] {
        let text = script::of_role(release, source, role)?;
        tree.write(&format!("/DEBIAN/{file}"), text.as_bytes(), 0o755)?;
    }
    build(release, &tree, &name)
}

fn of_platform(release: &Release, scratch: &Path) -> Result<()> {
    let tree = Tree::new(scratch.join("deb").join(PLATFORM))?;
    documents(release, &tree, PLATFORM)?;
    let depends: Vec<String> = roles()
        .map(|role| format!("{} (= {})", role.program(), release.version))
        .collect();
    let control = control(
        release,
        PLATFORM,
        &depends,
        PLATFORM_SUMMARY,
        PLATFORM_DESCRIPTION,
    );
    tree.write("/DEBIAN/control", control.as_bytes(), 0o644)?;
    tree.write("/DEBIAN/postinst", script::of_platform().as_bytes(), 0o755)?;
    build(release, &tree, PLATFORM)
}

/// Licences and changes, where Debian's policy (12.5, 12.7) wants them.
fn documents(release: &Release, tree: &Tree, name: &str) -> Result<()> {
    let folder = format!("/usr/share/doc/{name}");
    let mit = fs::read_to_string(release.root.join("LICENSE-MIT"))?;
    let copyright = format!(
        "Watchpost is licensed under the MIT License or the Apache License, Version 2.0, at your option.\n\
         The Apache License, Version 2.0, is in /usr/share/common-licenses/Apache-2.0.\n\n{mit}"
    );
    tree.write(&format!("{folder}/copyright"), copyright.as_bytes(), 0o644)?;
    let date = run_quietly(
        Command::new("date")
            .args(["--utc", "--rfc-email"])
            .arg(format!("--date=@{}", release.epoch)),
    )?;
    let changes = format!(
        "{name} ({}) unstable; urgency=medium\n\n  * See CHANGELOG.md of the repository.\n\n -- {MAINTAINER}  {}\n",
        release.version,
        date.trim()
    );
    tree.write_compressed(&format!("{folder}/changelog"), changes.as_bytes())?;
    let overrides = format!(
        "# The same scripts serve RPM, where there is no deb-systemd-helper.\n{name}: maintainer-script-calls-systemctl\n"
    );
    tree.write(
        &format!("/usr/share/lintian/overrides/{name}"),
        overrides.as_bytes(),
        0o644,
    )
}

fn control(
    release: &Release,
    name: &str,
    depends: &[String],
    summary: &str,
    description: &str,
) -> String {
    let architecture = match (name, std::env::consts::ARCH) {
        (PLATFORM, _) => "all",
        (_, "x86_64") => "amd64",
        (_, "aarch64") => "arm64",
        (_, other) => other,
    };
    let description: String = description
        .lines()
        .map(|line| format!(" {line}\n"))
        .collect();
    // Certificate authorities, for servers behind TLS.
    let recommends = match name {
        PLATFORM => "",
        _ => "Recommends: ca-certificates\n",
    };
    format!(
        "Package: {name}\nVersion: {}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\n\
         Section: net\nPriority: optional\nDepends: {}\n{recommends}\
         Description: {summary}\n{description}",
        release.version,
        depends.join(", "),
    )
}

fn build(release: &Release, tree: &Tree, name: &str) -> Result<()> {
    let sums = run_quietly(
        Command::new("sh")
            .args([
                "-c",
                "find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum",
            ])
            .current_dir(&tree.root),
    )?;
    tree.write("/DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
    // One that only a check installs need not be small.
    let compression = match release.is_previous {
        true => "-Znone",
        false => "-Zxz",
    };
    run_quietly(
        Command::new("dpkg-deb")
            .args([
                "--root-owner-group",
                compression,
                "--threads-max=1",
                "--build",
            ])
            .arg(&tree.root)
            .arg(&release.output)
            .env("SOURCE_DATE_EPOCH", release.epoch.to_string()),
    )?;
    anyhow::ensure!(tree.root.is_dir(), "{name} was not built");
    Ok(())
}
