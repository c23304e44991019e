//! No token stands in a log, on a command line, in an environment, on a page or in an answer, while every
//! role says what it has to say for debugging.

use std::fs;
use std::path::{Path, PathBuf};
use watchpost_query::Kind;

use super::{Finding, Scene, ensure};
use crate::platform::get;

pub(super) fn judge(scene: &Scene) -> Finding {
    let secrets = secrets(scene)?;
    let mut places = 0;
    let mut look = |place: &str, text: &str| {
        places += 1;
        let found = secrets
            .iter()
            .find(|(_, secret)| text.contains(secret.as_str()));
        found.map_or(Ok(()), |(name, _)| {
            Err(format!("{place} shows the secret of {name}"))
        })
    };
    look("the screen of `up`", &scene.platform().text())?;
    for path in written(&scene.platform().site().path("state")) {
        look_at_file(&path, &mut look)?;
    }
    for process in fs::read_dir("/proc")
        .map_err(|error| error.to_string())?
        .flatten()
    {
        look_at_file(&process.path().join("cmdline"), &mut look)?;
    }
    for process in scene.platform().processes() {
        let environment = format!("/proc/{process}/environ");
        look_at_file(Path::new(&environment), &mut look)?;
    }
    for address in addresses(scene) {
        look(&address, &get(&address, None).1)?;
    }
    if scene.platform().kind() == Kind::InfluxDb2 {
        look_at_server(scene, &mut look)?;
    }
    for request in [scene.slack.requests.all(), scene.webhook.requests.all()].concat() {
        look("a notification", &request.text())?;
    }
    for mail in scene.mail.mails.all() {
        look("a mail", &mail.data)?;
    }
    let exposed = exposed(scene)?;
    ensure(exposed.is_empty(), || {
        format!("readable by others: {}", exposed.join(", "))
    })?;
    Ok(format!(
        "{} secrets looked for in {places} logs, files, command lines, environments, pages and messages",
        secrets.len()
    ))
}

/// What the server shows to an operator.
fn look_at_server(
    scene: &Scene,
    look: &mut impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), String> {
    let operator = fs::read_to_string(scene.platform().token_file("operator"))
        .map_err(|error| error.to_string())?;
    let mut paths = vec!["buckets", "tasks", "orgs", "users"];
    // InfluxDB itself shows an operator the tokens; the engine does not keep them.
    if scene.terms.external.is_none() {
        paths.push("authorizations");
    }
    for path in paths {
        let address = format!("{}/api/v2/{path}", scene.platform().server());
        look(&address, &get(&address, Some(operator.trim())).1)?;
    }
    Ok(())
}

/// Every file that the platform has written, logs and data, but for the secrets themselves.
fn written(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files = Vec::new();
    for path in entries.map(|it| it.path()) {
        if path.is_dir() && !path.ends_with("state/secrets") {
            files.extend(written(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

/// Looks at a file's bytes as text; one that is gone by now shows nothing.
fn look_at_file(
    path: &Path,
    look: &mut impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), String> {
    let bytes = fs::read(path).unwrap_or_default();
    look(
        &path.display().to_string(),
        &String::from_utf8_lossy(&bytes),
    )
}

/// What anybody may ask: pages, answers, figures and mistakes.
fn addresses(scene: &Scene) -> Vec<String> {
    let role = |name: &str, paths: &[&str]| {
        let address = scene.platform().address(name);
        paths
            .iter()
            .map(|path| format!("{address}{path}"))
            .collect::<Vec<_>>()
    };
    let server = ["/health", "/metrics", "/api/v2/buckets", "/nothing-here"];
    let server = server.map(|path| format!("{}{path}", scene.platform().server()));
    let pages = [
        "/",
        "/hosts/host-1",
        "/alerts",
        "/rules/cpu_high",
        "/compare",
        "/history",
        "/metrics?start=1&end=0",
        "/metrics/self",
        "/api/v1/hosts",
        "/api/v1/alerts",
        "/api/v1/rules",
        "/health",
        "/ready",
        "/nothing-here",
    ];
    let alerter = [
        "/health",
        "/ready",
        "/metrics",
        "/api/v1/status",
        "/api/v1/rules",
        "/api/v1/history",
        "/api/v2/alerts",
        "/api/v2/status",
        "/nothing-here",
    ];
    let agent = ["/health", "/ready", "/metrics", "/nothing-here"];
    [
        server.to_vec(),
        role("web", &pages),
        role("alerter", &alerter),
        role("agent", &agent),
        role("fleet", &agent),
    ]
    .concat()
}

fn secrets(scene: &Scene) -> Result<Vec<(String, String)>, String> {
    let folder = scene.platform().site().path("state/secrets");
    let mut secrets = Vec::new();
    for entry in fs::read_dir(folder)
        .map_err(|error| error.to_string())?
        .flatten()
    {
        let text = fs::read_to_string(entry.path()).map_err(|error| error.to_string())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        ensure(text.trim().len() >= 32, || {
            format!("{name} is too short to be a secret")
        })?;
        secrets.push((name, text.trim().to_owned()));
    }
    // Who knows the address of a chat's webhook may write there.
    let webhook = "services/T/B/hidden";
    secrets.push(("the chat's webhook".into(), webhook.into()));
    // A server of another kind gives no role a token of its own: there are the alerter's and the webhook.
    let least = match scene.platform().kind() {
        Kind::InfluxDb2 => 7,
        _ => 2,
    };
    ensure(secrets.len() >= least, || {
        format!("only {} secrets", secrets.len())
    })?;
    Ok(secrets)
}

fn exposed(scene: &Scene) -> Result<Vec<String>, String> {
    let mut open = Vec::new();
    walk(&scene.platform().site().path("state"), &mut open)?;
    Ok(open)
}

/// Files and folders that others than their owner may do anything with.
fn walk(folder: &Path, open: &mut Vec<String>) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)?.flatten() {
        // What goes meanwhile is seen by nobody.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if !metadata.is_symlink() && metadata.permissions().mode() & 0o077 != 0 {
            open.push(entry.path().display().to_string());
        }
        if metadata.is_dir() {
            walk(&entry.path(), open)?;
        }
    }
    Ok(())
}
