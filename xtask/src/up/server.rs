//! The server that the roles of a platform talk to: our own engine, or one that runs already, of whatever kind.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use super::options::{Engine, Options};

/// The organization that `deploy/platform.toml` names.
const ORGANIZATION: &str = "watchpost";
/// A server that does not answer within this is away.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where the server is and what describes the state it should have.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: String,
    pub(super) organization: String,
    /// What stands there, as the roles' configuration calls it.
    pub(super) kind: &'static str,
    /// Of servers of other kinds: where they are written to, and for which tenant. Empty where it is not said.
    pub(super) write_url: String,
    pub(super) tenant: String,
    /// Whether the roles have a token to show. Those of InfluxDB 2 have one each, made by the provisioner.
    pub(super) has_token: bool,
    /// The desired state.
    pub(super) platform: PathBuf,
}

impl Server {
    /// Our own engine on its port, or the one that the environment names. Its token is copied among
    /// the secrets, for the provisioner and for a later `up`.
    pub(super) fn of(options: &Options, layout: &Layout, root: &Path) -> Result<Server> {
        let platform = root.join(match options.engine {
            Engine::InfluxDb3 => "deploy/platform-influxdb3.toml",
            _ => "deploy/platform.toml",
        });
        if options.engine.is_named() {
            return Server::named(options, layout, platform);
        }
        let none = String::new;
        if options.engine != Engine::External {
            return Ok(Server {
                url: format!("http://127.0.0.1:{}", options.ports.engine),
                organization: ORGANIZATION.to_owned(),
                kind: options.engine.kind(),
                write_url: none(),
                tenant: none(),
                has_token: true,
                platform,
            });
        }
        let Some(url) = variable("INFLUX_URL") else {
            bail!(
                "--engine external: INFLUX_URL does not say where the server is, such as http://127.0.0.1:8086"
            );
        };
        let url = url.trim_end_matches('/').to_owned();
        check_answers(&url)?;
        keep_token(layout)?;
        let organization = variable("INFLUX_ORG").unwrap_or_else(|| ORGANIZATION.to_owned());
        let platform = match organization.as_str() {
            ORGANIZATION => platform,
            other => platform_for(&platform, other, layout)?,
        };
        Ok(Server {
            url,
            organization,
            kind: options.engine.kind(),
            write_url: none(),
            tenant: none(),
            has_token: true,
            platform,
        })
    }

    /// The server of another kind at `--url`. It makes its buckets when they are first written to.
    fn named(options: &Options, layout: &Layout, platform: PathBuf) -> Result<Server> {
        let address = &options.address;
        check_answers(&address.url)?;
        let has_token = ["INFLUX_TOKEN_FILE", "INFLUX_TOKEN"]
            .iter()
            .any(|name| variable(name).is_some());
        if has_token {
            keep_token(layout)?;
        }
        Ok(Server {
            url: address.url.clone(),
            organization: ORGANIZATION.to_owned(),
            kind: options.engine.kind(),
            write_url: address.write_url.clone(),
            tenant: address.tenant.clone(),
            has_token,
            platform,
        })
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn check_answers(url: &str) -> Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build()
        .into();
    // A server behind TLS is the roles' to judge: this small program has no TLS.
    if url.starts_with("https://") {
        return Ok(());
    }
    agent.get(format!("{url}/health")).call().with_context(|| {
        format!(
            "no server answers at {url} (INFLUX_URL or --url): start it, or correct the address"
        )
    })?;
    Ok(())
}

/// The token comes from a file or the environment, never from the command line, which others can see.
fn keep_token(layout: &Layout) -> Result<()> {
    let path = layout.token("operator");
    let token = match (variable("INFLUX_TOKEN_FILE"), variable("INFLUX_TOKEN")) {
        (Some(file), _) => fs::read_to_string(&file)
            .with_context(|| format!("--engine external: cannot read INFLUX_TOKEN_FILE {file}"))?,
        (None, Some(token)) => token,
        // A second `up` of this folder.
        (None, None) if path.exists() => return Ok(()),
        (None, None) => bail!(
            "--engine external needs a token that may make buckets, tasks and tokens: put it into a file and name it in \
             INFLUX_TOKEN_FILE (or set INFLUX_TOKEN)"
        ),
    };
    fs::remove_file(&path).ok();
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| writeln!(file, "{}", token.trim()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The desired state for another organization: the same but for its name, in the platform's folder.
fn platform_for(shipped: &Path, organization: &str, layout: &Layout) -> Result<PathBuf> {
    let text = fs::read_to_string(shipped)
        .with_context(|| format!("cannot read {}", shipped.display()))?;
    let mut platform: toml::Table =
        toml::from_str(&text).with_context(|| format!("{} is not valid", shipped.display()))?;
    platform.insert("organization".to_owned(), organization.into());
    let folder = shipped.parent().unwrap_or(Path::new("."));
    for task in platform
        .get_mut("tasks")
        .and_then(toml::Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        // They are named relative to the file, which lies elsewhere now.
        if let Some(file) = task.get_mut("file") {
            let path = folder.join(file.as_str().unwrap_or_default());
            *file = path.display().to_string().into();
        }
    }
    let path = layout.folder.join("platform.toml");
    fs::write(&path, toml::to_string(&platform)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
