//! Packages for Fedora, RHEL and their like, by `rpmbuild`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::contents::{MAINTAINER, PLATFORM, PLATFORM_DESCRIPTION, PLATFORM_SUMMARY, Role};
use super::tree::Tree;
use super::{Release, is_there, manual, roles, run_quietly, script};

/// Makes a package a role, and one that requires them all; or says why not.
pub(super) fn make(release: &Release, scratch: &Path) -> Result<Option<String>> {
    if !is_there("rpmbuild") {
        return Ok(Some(
            "no .rpm: rpmbuild is not on the PATH (apt install rpm, dnf install rpm-build)"
                .to_owned(),
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
    let tree = Tree::new(scratch.join("rpm").join(&name))?;
    let configuration = tree.fill(release, role, &scratch.join("manual"), manual::ZSH)?;
    let licences = format!("/usr/share/licenses/{name}");
    for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
        tree.copy(
            &release.root.join(file),
            &format!("{licences}/{file}"),
            0o644,
        )?;
    }
    let mut spec = head(release, &name, role.summary, role.description);
    for (section, source) in [
        ("post", "after-install"),
        ("preun", "before-remove"),
        ("postun", "after-remove"),
    ] {
        let text = script::of_role(release, source, role)?;
        spec.push_str(&format!("\n%{section}\n{}", text.replace('%', "%%")));
    }
    spec.push_str("\n%files\n");
    for path in files(&tree)? {
        let directive = match path.as_str() {
            it if configuration.iter().any(|one| one == it) => "%config(noreplace) ",
            it if it.starts_with("/usr/share/licenses/") => "%license ",
            _ => "",
        };
        spec.push_str(&format!("{directive}{path}\n"));
    }
    for folder in role.folders {
        spec.push_str(&format!("%dir {folder}\n"));
    }
    build(release, &tree, &name, &spec, scratch)
}

fn of_platform(release: &Release, scratch: &Path) -> Result<()> {
    let tree = Tree::new(scratch.join("rpm").join(PLATFORM))?;
    let mut spec = head(release, PLATFORM, PLATFORM_SUMMARY, PLATFORM_DESCRIPTION);
    spec.push_str(&format!(
        "\n%post\n{}\n%files\n",
        script::of_platform().replace('%', "%%")
    ));
    build(release, &tree, PLATFORM, &spec, scratch)
}

fn head(release: &Release, name: &str, summary: &str, description: &str) -> String {
    let requires: String = match name {
        PLATFORM => {
            let one = |role: &Role| format!("Requires: {} = {}\n", role.program(), release.version);
            roles().map(one).collect()
        }
        _ => "Requires: systemd\nRequires(post): systemd\nRequires(preun): systemd\n".to_owned(),
    };
    format!(
        "Name: {name}\nVersion: {}\nRelease: 1\nSummary: {}\nLicense: MIT OR Apache-2.0\n\
         Packager: {MAINTAINER}\nGroup: Applications/System\n{requires}\n%description\n{description}\n",
        release.version,
        capitalized(summary)
    )
}

/// As RPM wants a summary; Debian wants it without.
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// One entry, which names the file that has them all.
fn changes(release: &Release) -> Result<String> {
    let date = run_quietly(
        Command::new("date")
            .args(["--utc", "+%a %b %d %Y"])
            .arg(format!("--date=@{}", release.epoch))
            .env("LC_ALL", "C"),
    )?;
    Ok(format!(
        "\n%changelog\n* {} {MAINTAINER} - {}-1\n- See CHANGELOG.md of the repository.\n",
        date.trim(),
        release.version
    ))
}

/// Every file of the tree, by its path on the machine.
fn files(tree: &Tree) -> Result<Vec<String>> {
    let listed = run_quietly(
        Command::new("find")
            .args([".", "-type", "f"])
            .current_dir(&tree.root),
    )?;
    let mut files: Vec<String> = listed
        .lines()
        .map(|line| line.trim_start_matches('.').to_owned())
        .collect();
    files.sort();
    Ok(files)
}

fn build(release: &Release, tree: &Tree, name: &str, spec: &str, scratch: &Path) -> Result<()> {
    let top = scratch.join("rpmbuild").join(name);
    fs::create_dir_all(&top)?;
    let path = top.join(format!("{name}.spec"));
    // The tree is copied into the folder that rpmbuild makes for itself.
    let install = format!(
        "\n%install\nmkdir -p %{{buildroot}}\ncp -a {}/. %{{buildroot}}/\n",
        tree.root.display()
    );
    let spec = spec.replacen("\n%files\n", &format!("{install}\n%files\n"), 1);
    let spec = spec + &changes(release)?;
    fs::write(&path, spec).context("cannot write the spec")?;
    let mut command = Command::new("rpmbuild");
    for definition in [
        format!("_topdir {}", top.display()),
        format!("_rpmdir {}", release.output.display()),
        "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm".to_owned(),
        "_buildhost localhost".to_owned(),
        "use_source_date_epoch_as_buildtime 1".to_owned(),
        "clamp_mtime_to_source_date_epoch 1".to_owned(),
        "_build_id_links none".to_owned(),
        "debug_package %{nil}".to_owned(),
        // The binaries are stripped and the pages compressed already.
        "__os_install_post %{nil}".to_owned(),
        // One that only a check installs need not be small.
        match release.is_previous {
            true => "_binary_payload w1.gzdio".to_owned(),
            false => "_binary_payload w6.xzdio".to_owned(),
        },
    ] {
        command.arg("--define").arg(definition);
    }
    if name == PLATFORM {
        command.args(["--target", "noarch"]);
    }
    command
        .arg("-bb")
        .arg(&path)
        .env("SOURCE_DATE_EPOCH", release.epoch.to_string());
    run_quietly(&mut command)?;
    Ok(())
}
