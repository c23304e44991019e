//! What `up`, `status` and `logs` print.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::layout::Layout;
use super::page;
use super::state::{self, RoleState, State};
use super::usage;

/// The one screen that a person sees when everything runs.
pub(crate) fn ready(state: &State, layout: &Layout) -> String {
    let places = if state.compose {
        compose_places(state.address("grafana"), layout)
    } else {
        places(layout, state)
    };
    let option = layout.option();
    format!(
        "
  Watchpost is running.

  Dashboard   {web}          the fleet, live
  Alerts      {web}/alerts
  Server      {server}          InfluxDB 2 HTTP API: Grafana, Telegraf and curl may use it
{places}
  Stop        cargo xtask down{option}
  Try next    cargo xtask status{option}
              cargo xtask logs alerter{option}
              curl '{web}/metrics?start=10&end=0'
              Stop it, then cargo xtask up{option} --incident silent@host-2:+30s
                a host goes silent; two minutes later you are notified
              Read docs/getting-started.md: a second host, your own rules and receivers

",
        web = state.address("web"),
        server = state.server,
    )
}

/// What a person waits for: from the start of the first process to a line on the page.
pub(super) fn first_chart(after: Duration) -> String {
    let seconds = after.as_secs_f64();
    format!("The first live chart is on the page after {seconds:.1} s.")
}

fn places(layout: &Layout, state: &State) -> String {
    let folder = layout.folder.display();
    let copies = state.backup.as_ref().map(|to| copies(to, layout));
    format!(
        "
  Data        {folder}/data          a second `up` goes on with it
  Logs        {folder}/logs
  Secrets     {folder}/secrets          mode 0600; operator.token may do everything
{}",
        copies.unwrap_or_default()
    )
}

/// Where copies go, and what to do with a key that was made here.
fn copies(to: &str, layout: &Layout) -> String {
    let key = layout.archive_key();
    let keep = match key.exists() {
        true => format!(
            "
                {} opens them: keep a second one where this machine is not",
            key.display()
        ),
        false => String::new(),
    };
    format!("  Copies      {to}          encrypted, two seconds old at most{keep}\n")
}

fn compose_places(grafana: &str, layout: &Layout) -> String {
    let secrets = layout.compose_secrets();
    let secrets = secrets.display();
    format!(
        "  Grafana     {grafana}          admin; its password is {secrets}/grafana.password

  Data        Docker's volumes, watchpost_…
  Logs        cargo xtask logs
  Secrets     {secrets}
"
    )
}

/// A line a role.
pub(crate) fn status(state: &State) -> String {
    let mut text = String::new();
    if !state.is_supervised() {
        text += "`up` itself was killed: a role that ends is not started again. `cargo xtask up` repairs that.\n\n";
    }
    writeln!(
        text,
        "{:<12} {:<8} {:>8} {:>8} {:>9} {:>9} {:>6}  ADDRESS",
        "ROLE", "STATE", "PROCESS", "UP", "RESTARTS", "MEMORY", "CPU"
    )
    .ok();
    for role in &state.roles {
        writeln!(text, "{}", line(role)).ok();
    }
    for complaint in complaints(state) {
        writeln!(text, "\n{complaint}").ok();
    }
    let total = total(state);
    writeln!(
        text,
        "\n{} processes, {} of memory, {:.1} % of one core",
        state.roles.len(),
        mebibytes(total.memory_bytes),
        total.cpu_percent
    )
    .ok();
    text
}

/// Roles that run and do not answer; of the server since when, which the alerter knows.
pub(super) fn complaints(state: &State) -> Vec<String> {
    let running = state
        .roles
        .iter()
        .filter(|role| role.is_alive() && !role.address.is_empty());
    let silent = running.filter(|role| !page::answers(&format!("{}/health", role.address)));
    let mut complaints: Vec<String> = silent
        .map(|role| {
            format!(
                "The {} runs and does not answer at {}.",
                role.name, role.address
            )
        })
        .collect();
    complaints.extend(page::troubles(state.address("alerter")));
    complaints
}

/// The same for scripts: what `up` wrote down, and what each role takes.
pub(super) fn status_json(state: &State) -> Result<Value> {
    let mut value = serde_json::to_value(state)?;
    let roles = value["roles"].as_array_mut();
    for (role, value) in state.roles.iter().zip(roles.into_iter().flatten()) {
        value["running"] = role.is_alive().into();
        if let Some(load) = load(role) {
            value["memory_bytes"] = load.memory_bytes.into();
            value["cpu_percent"] = load.cpu_percent.into();
        }
    }
    value["complaints"] = complaints(state).into();
    let total = total(state);
    value["memory_bytes"] = total.memory_bytes.into();
    value["cpu_percent"] = total.cpu_percent.into();
    Ok(value)
}

/// What a role takes: memory, and percent of one core since it was started.
#[derive(Debug, Default, Clone, Copy)]
struct Load {
    memory_bytes: u64,
    cpu_percent: f64,
}

fn load(role: &RoleState) -> Option<Load> {
    let usage = usage::of(role.process).filter(|_| role.is_alive())?;
    let seconds = state::now().saturating_sub(role.started).max(1);
    Some(Load {
        memory_bytes: usage.memory_bytes,
        cpu_percent: 100.0 * usage.cpu_seconds / seconds as f64,
    })
}

fn total(state: &State) -> Load {
    let loads = state.roles.iter().filter_map(load);
    loads.fold(Load::default(), |sum, one| Load {
        memory_bytes: sum.memory_bytes + one.memory_bytes,
        cpu_percent: sum.cpu_percent + one.cpu_percent,
    })
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}

fn line(role: &RoleState) -> String {
    let dash = || "-".to_owned();
    let load = load(role);
    let up = load.map_or_else(dash, |_| age(state::now().saturating_sub(role.started)));
    let word = if load.is_some() { "running" } else { "down" };
    let memory = load.map_or_else(dash, |it| mebibytes(it.memory_bytes));
    let cpu = load.map_or_else(dash, |it| format!("{:.1} %", it.cpu_percent));
    let address = Some(role.address.as_str()).filter(|it| !it.is_empty());
    let address = address.unwrap_or("-");
    format!(
        "{:<12} {word:<8} {:>8} {up:>8} {:>9} {memory:>9} {cpu:>6}  {address}",
        role.name, role.process, role.restarts
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
