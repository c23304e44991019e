//! lintian over the .deb, rpmlint over the .rpm. Each override has its reason, in the package or in
//! `deploy/packages/rpmlint.toml`.

use std::process::Command;

use anyhow::{Context, Result};

use super::super::{Release, is_there, names};
use super::Outcome;

/// Runs both, where they are.
pub(super) fn run(release: &Release) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let configuration = release.root.join("deploy/packages/rpmlint.toml");
    let configuration = configuration.display().to_string();
    let lintian = [
        "--allow-root",
        "--fail-on",
        "error,warning",
        "--tag-display-limit",
        "0",
    ];
    let rpmlint = ["--strict", "--config", &configuration];
    for (program, format, arguments, package) in [
        ("lintian", "deb", lintian.as_slice(), "lintian"),
        ("rpmlint", "rpm", rpmlint.as_slice(), "rpmlint"),
    ] {
        if !is_there(program) {
            let line = format!("skipped: {program} is not on the PATH (apt install {package})");
            outcome.lines.push(line);
            continue;
        }
        outcome
            .lines
            .extend(judge(release, program, format, arguments)?);
    }
    Ok(outcome)
}

fn judge(
    release: &Release,
    program: &str,
    format: &str,
    arguments: &[&str],
) -> Result<Vec<String>> {
    let ending = format!(".{format}");
    let packages: Vec<String> = names(&release.output)?
        .into_iter()
        .filter(|it| it.ends_with(&ending))
        .collect();
    if packages.is_empty() {
        return Ok(vec![format!("skipped: no .{format} was made")]);
    }
    let count = packages.len();
    let output = Command::new(program)
        .args(arguments)
        .args(packages)
        .current_dir(&release.output)
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if output.status.success() {
        return Ok(vec![format!("ok   {program}: {count} packages")]);
    }
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let said = said.lines().filter(|line| !line.trim().is_empty());
    Ok(said.map(|line| format!("FAIL {program}: {line}")).collect())
}
