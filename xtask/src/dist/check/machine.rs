//! A machine that lives for one story.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::super::binaries::target_folder;
use super::super::{Release, run_quietly};
use super::Outcome;

/// What a minimal system needs to boot, and what the stories ask with.
const PACKAGES: &str =
    "systemd,systemd-sysv,dbus,udev,ca-certificates,curl,procps,iproute2,libpam-systemd";

/// Room for the system, two versions of the packages, and data.
const DISK: &str = "2500M";

/// How long a story may take, in seconds.
const DEADLINE: &str = "1500";

/// Where the systems come from, unless `WATCHPOST_DEBIAN_MIRROR` says otherwise.
const MIRROR: &str = "http://deb.debian.org/debian";

/// The story as a unit; at its end the machine turns itself off.
const UNIT: &str = "\
[Unit]
After=basic.target dbus.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/bash /check/story
[Install]
WantedBy=multi-user.target
";

/// A Debian, perhaps with rpm and dnf on it.
#[derive(Debug)]
pub(super) struct Machine {
    suite: &'static str,
    has_rpm: bool,
}

impl Machine {
    pub(super) fn debian(suite: &'static str) -> Self {
        Self {
            suite,
            has_rpm: false,
        }
    }

    pub(super) fn with_rpm(mut self) -> Self {
        self.has_rpm = true;
        self
    }

    /// Boots it with both versions of the packages and gives the steps of the story.
    pub(super) fn live(
        &self,
        release: &Release,
        previous: &Release,
        story: &str,
    ) -> Result<Outcome> {
        if let Some(reason) = self.missing() {
            return Ok(Outcome::skipped(reason));
        }
        let format = if self.has_rpm { "rpm" } else { "deb" };
        if packages(&release.output, format)?.is_empty() {
            return Ok(Outcome::skipped(format!("no .{format} was made")));
        }
        let base = match self.base(release) {
            Ok(base) => base,
            Err(error) => return Ok(Outcome::skipped(format!("no {}: {error:#}", self.suite))),
        };
        let disk = Disk::make(&base)?;
        let check = disk.root().join("check");
        for (name, folder) in [("release", &release.output), ("previous", &previous.output)] {
            fs::create_dir_all(check.join(name))?;
            for package in packages(folder, format)? {
                fs::copy(folder.join(&package), check.join(name).join(&package))?;
            }
        }
        if self.has_rpm {
            stand_in(&check)?;
        }
        let scripts = release.root.join("xtask/src/dist/check");
        fs::copy(scripts.join("story.sh"), check.join("story.sh"))?;
        fs::copy(scripts.join(format!("{story}.sh")), check.join("story"))?;
        boot(&disk.root())?;
        self.read(release, &check)
    }

    fn missing(&self) -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("machines are started by root alone: sudo".to_owned());
        }
        let tools = ["systemd-nspawn", "debootstrap", "mkfs.ext4"];
        let missing = tools.iter().find(|it| {
            let found = Command::new("sh")
                .args(["-c", &format!("command -v {it}")])
                .output();
            !found.is_ok_and(|it| it.status.success())
        })?;
        Some(format!(
            "{missing} is not on the PATH (apt install systemd-container debootstrap e2fsprogs)"
        ))
    }

    /// The system before anything of ours: made once, kept in the target folder.
    fn base(&self, release: &Release) -> Result<PathBuf> {
        let name = if self.has_rpm {
            format!("{}-rpm", self.suite)
        } else {
            self.suite.to_owned()
        };
        let base = target_folder(&release.root)
            .join("dist-machines")
            .join(name);
        if base.join("check").is_dir() {
            return Ok(base);
        }
        let mirror = std::env::var("WATCHPOST_DEBIAN_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
        let more = if self.has_rpm { ",rpm,dnf" } else { "" };
        let _ = fs::remove_dir_all(&base);
        fs::create_dir_all(&base)?;
        run_quietly(
            Command::new("debootstrap")
                .args([
                    "--variant=minbase",
                    &format!("--include={PACKAGES}{more}"),
                    self.suite,
                ])
                .arg(&base)
                .arg(mirror),
        )?;
        fs::create_dir(base.join("check"))?;
        Ok(base)
    }

    fn read(&self, release: &Release, check: &Path) -> Result<Outcome> {
        let kept = target_folder(&release.root).join(format!(
            "dist-machines/{}{}.log",
            self.suite,
            if self.has_rpm { "-rpm" } else { "" }
        ));
        fs::copy(check.join("log"), &kept).context("the machine wrote nothing: did it boot?")?;
        let text = fs::read_to_string(check.join("result")).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if let Ok(scores) = fs::read_to_string(check.join("scores")) {
            lines.push(format!("exposure: {}", scores.trim().replace('\n', ", ")));
        }
        if !check.join("end").exists() {
            lines.push("FAIL the story did not come to its end".to_owned());
        }
        lines.push(format!("its log: {}", kept.display()));
        Ok(Outcome { lines })
    }
}

/// Names of the packages of a format.
fn packages(folder: &Path, format: &str) -> Result<Vec<String>> {
    let names = super::super::names(folder)?;
    let ending = format!(".{format}");
    Ok(names
        .into_iter()
        .filter(|it| it.ends_with(&ending))
        .collect())
}

/// A file system of its own, so that it can be full; it goes when this is dropped.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn make(base: &Path) -> Result<Self> {
        let disk = Self {
            folder: tempfile::tempdir_in("/var/tmp")?,
        };
        let image = disk.folder.path().join("image");
        run_quietly(
            Command::new("mkfs.ext4")
                // No blocks that root alone may use: a full disk is full for dpkg, too.
                .args(["-q", "-m", "0", "-d"])
                .arg(base)
                .arg(&image)
                .arg(DISK),
        )?;
        fs::create_dir(disk.root())?;
        run_quietly(
            Command::new("mount")
                .args(["-o", "loop"])
                .arg(image)
                .arg(disk.root()),
        )?;
        Ok(disk)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.root()).output();
    }
}

/// Runs the machine until it turns itself off.
fn boot(root: &Path) -> Result<()> {
    let units = root.join("etc/systemd/system");
    fs::write(units.join("watchpost-check.service"), UNIT)?;
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    std::os::unix::fs::symlink(
        "/etc/systemd/system/watchpost-check.service",
        wants.join("watchpost-check.service"),
    )?;
    // Its network is its own loopback; nothing waits for more.
    let output = Command::new("timeout")
        .args([
            "--kill-after=20",
            DEADLINE,
            "systemd-nspawn",
            "--quiet",
            "--boot",
        ])
        .args([
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--directory",
        ])
        .arg(root)
        .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
        .stdin(Stdio::null())
        .output()
        .context("cannot start systemd-nspawn")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        root.join("check/log").exists(),
        "the machine did not boot: {}",
        said.trim()
    );
    Ok(())
}

/// A package that provides what ours ask of a distribution of RPM: Debian's rpm knows nothing of Debian's own packages.
fn stand_in(check: &Path) -> Result<()> {
    let asked = run_quietly(Command::new("sh").arg("-c").arg(format!(
        "rpm --query --package --requires {}/*/*.rpm | grep -v -e '^watchpost' -e '^rpmlib' | cut -d' ' -f1 | sort -u",
        check.display()
    )))?;
    let provides: String = asked
        .lines()
        .map(|it| format!("Provides: {it}\n"))
        .collect();
    let spec = format!(
        "Name: stand-in\nVersion: 1\nRelease: 1\nSummary: provides what a distribution would\nLicense: MIT\n\
         BuildArch: noarch\n{provides}\n%description\nSee above.\n%files\n"
    );
    let folder = check.join("stand-in");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("stand-in.spec"), spec)?;
    run_quietly(
        Command::new("rpmbuild")
            .arg("--define")
            .arg(format!("_topdir {}", folder.display()))
            .arg("-bb")
            .arg(folder.join("stand-in.spec")),
    )?;
    let made = folder.join("RPMS/noarch/stand-in-1-1.noarch.rpm");
    fs::copy(made, check.join("stand-in.rpm"))?;
    Ok(())
}
