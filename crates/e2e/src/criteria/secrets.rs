//! No token stands in a log, on a command line, on a page or in an answer.

use std::fs;

use super::{Finding, Scene, ensure};
use crate::platform::get;

pub(super) fn judge(scene: &Scene) -> Finding {
    let secrets = secrets(scene)?;
    let mut places = 0;
    let mut look = |place: String, text: &str| {
        places += 1;
        let found = secrets
            .iter()
            .find(|(_, secret)| text.contains(secret.as_str()));
        found.map_or(Ok(()), |(name, _)| {
            Err(format!("{place} shows the secret of {name}"))
        })
    };
    let logs = scene.platform().site().path("state/logs");
    for entry in fs::read_dir(logs)
        .map_err(|error| error.to_string())?
        .flatten()
    {
        look(
            entry.path().display().to_string(),
            &fs::read_to_string(entry.path()).unwrap_or_default(),
        )?;
    }
    for process in fs::read_dir("/proc")
        .map_err(|error| error.to_string())?
        .flatten()
    {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        look(
            format!("the command line of process {:?}", process.file_name()),
            &String::from_utf8_lossy(&line),
        )?;
    }
    for address in addresses(scene) {
        look(address.clone(), &get(&address, None).1)?;
    }
    let operator = fs::read_to_string(scene.platform().token_file("operator"))
        .map_err(|error| error.to_string())?;
    let mut paths = vec!["buckets", "tasks", "orgs", "users"];
    // InfluxDB itself shows an operator the tokens; the engine does not keep them.
    if scene.terms.external.is_none() {
        paths.push("authorizations");
    }
    for path in paths {
        let address = format!("{}/api/v2/{path}", scene.platform().server());
        look(address.clone(), &get(&address, Some(operator.trim())).1)?;
    }
    for request in [scene.slack.requests.all(), scene.webhook.requests.all()].concat() {
        look("a notification".into(), &request.text())?;
    }
    for mail in scene.mail.mails.all() {
        look("a mail".into(), &mail.data)?;
    }
    let exposed = exposed(scene)?;
    ensure(exposed.is_empty(), || {
        format!("readable by others: {}", exposed.join(", "))
    })?;
    Ok(format!(
        "{} secrets looked for in {places} logs, command lines, pages and messages",
        secrets.len()
    ))
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
        "/compare",
        "/history",
        "/metrics?start=1&end=0",
        "/metrics/self",
        "/api/v1/hosts",
        "/health",
        "/ready",
        "/nothing-here",
    ];
    let alerter = [
        "/health",
        "/ready",
        "/metrics",
        "/api/v2/alerts",
        "/nothing-here",
    ];
    [
        server.to_vec(),
        role("web", &pages),
        role("alerter", &alerter),
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
    ensure(secrets.len() >= 6, || {
        format!("only {} secrets", secrets.len())
    })?;
    Ok(secrets)
}

fn exposed(scene: &Scene) -> Result<Vec<String>, String> {
    use std::os::unix::fs::PermissionsExt;
    let folder = scene.platform().site().path("state/secrets");
    let entries = fs::read_dir(folder)
        .map_err(|error| error.to_string())?
        .flatten();
    let open = entries.filter(|it| {
        it.metadata()
            .is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
    });
    Ok(open
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .collect())
}
