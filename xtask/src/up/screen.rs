//! What `up`, `status` and `logs` print.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use super::state::{self, RoleState, State};

/// The one screen that a person sees when everything runs.
pub(crate) fn ready(state: &State, layout: &Layout) -> String {
    let address = |name: &str| {
        state
            .roles
            .iter()
            .find(|it| it.name == name)
            .map_or("-", |it| it.address.as_str())
    };
    let folder = layout.folder.display();
    let lines = [
        String::new(),
        "  Watchpost is running.".to_owned(),
        String::new(),
        format!("  Dashboard   {}", address("web")),
        format!(
            "  Server      {}   (InfluxDB 2 HTTP API, organisation watchpost)",
            address("engine")
        ),
        format!("  Alerts      {}", address("alerter")),
        String::new(),
        format!("  Logs        {folder}/logs"),
        format!("  Secrets     {folder}/secrets   (mode 0600; operator.token may do everything)"),
        format!("  Data        {folder}/data"),
        String::new(),
        "  Try next    cargo xtask status".to_owned(),
        "              cargo xtask logs agent".to_owned(),
        format!(
            "              curl '{}/metrics?start=10&end=0'",
            address("web")
        ),
        String::new(),
    ];
    lines.join("\n") + "\n"
}

/// A line a role.
pub(crate) fn status(state: &State) -> String {
    let mut text = String::new();
    if !state.is_supervised() {
        text += "`up` itself was killed: nobody restarts what dies. `cargo xtask up` puts it right.\n\n";
    }
    writeln!(
        text,
        "{:<12} {:<8} {:>8} {:>10} {:>9}  ADDRESS",
        "ROLE", "STATE", "PROCESS", "UP", "RESTARTS"
    )
    .ok();
    for role in &state.roles {
        writeln!(text, "{}", line(role)).ok();
    }
    text
}

fn line(role: &RoleState) -> String {
    let alive = role.is_alive();
    let up = if alive {
        age(state::now().saturating_sub(role.started))
    } else {
        "-".to_owned()
    };
    let word = if alive { "running" } else { "down" };
    format!(
        "{:<12} {word:<8} {:>8} {up:>10} {:>9}  {}",
        role.name, role.process, role.restarts, role.address
    )
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// The whole log of one role, or the end of each.
pub(crate) fn logs(layout: &Layout, role: Option<&str>) -> Result<ExitCode> {
    let folder = layout.folder.join("logs");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .with_context(|| format!("there are no logs in {}", folder.display()))?
        .filter_map(|it| {
            it.ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".log")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    if let Some(role) = role {
        if !names.iter().any(|it| it == role) {
            bail!(
                "there is no log of `{role}`; there are: {}",
                names.join(", ")
            );
        }
        print!("{}", fs::read_to_string(layout.log(role))?);
        return Ok(ExitCode::SUCCESS);
    }
    for name in names {
        println!("=== {name}\n{}", tail(&layout.log(&name), 10));
    }
    Ok(ExitCode::SUCCESS)
}

/// The last lines of a file; empty if there is none.
pub(super) fn tail(path: &Path, count: usize) -> String {
    let text = fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_short() {
        assert_eq!(
            [age(5), age(65), age(3700), age(90_000)],
            ["5s", "1m5s", "1h1m", "1d1h"]
        );
    }
}
