//! `enroll`: a host joins a server with one command. The connection is tried first, so that a wrong token changes nothing.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use watchpost_durable::Disk;
use watchpost_service::config::{Sources, load_text};
use watchpost_service::secret::Secret;

use super::self_test::{self, Depth};
use crate::cli::EnrollArguments;
use crate::config::{AgentConfig, edit};

/// Where the package puts the configuration.
const CONFIGURATION: &str = "/etc/watchpost/agent.toml";

/// The package's unit.
const UNIT: &str = "watchpost-agent.service";

/// The folder that is there where systemd runs (sd_booted(3)).
const SYSTEMD_RUNS: &str = "/run/systemd/system";

/// Bytes of a token on standard input.
const MAX_TOKEN_BYTES: u64 = 4096;

/// Tags with a key of their own; others go under `tags.more`.
const OWN_TAGS: [&str; 4] = ["host", "region", "environment", "service"];

/// Tries, writes, starts. Exit code 0 once the host is enrolled.
pub(super) async fn run(arguments: EnrollArguments, configuration: Option<PathBuf>) -> ExitCode {
    let path = configuration.unwrap_or_else(|| PathBuf::from(CONFIGURATION));
    let plan = match Plan::make(&arguments, &path) {
        Ok(plan) => plan,
        Err(message) => return refused(&message),
    };
    if let Err(message) = plan.try_connection().await {
        return refused(&message);
    }
    let done = plan.write().and_then(|()| match arguments.no_start {
        true => Ok(plan.how_to_start()),
        false => plan.start(),
    });
    match done {
        Ok(message) => {
            watchpost_service::cli::print(format_args!("{message}\n"));
            ExitCode::SUCCESS
        }
        Err(message) => {
            watchpost_service::cli::complain(format_args!("watchpost-agent enroll: {message}\n"));
            ExitCode::FAILURE
        }
    }
}

fn refused(message: &str) -> ExitCode {
    watchpost_service::cli::complain(format_args!(
        "watchpost-agent enroll: {message}\nNothing was changed.\n"
    ));
    ExitCode::FAILURE
}

/// What will be written, and where.
struct Plan {
    path: PathBuf,
    text: String,
    token: Secret,
    /// As read from `text`, with the token.
    config: AgentConfig,
}

impl Plan {
    fn make(arguments: &EnrollArguments, path: &Path) -> Result<Self, String> {
        let token = token(&arguments.token_file)?;
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let text = edited(text, arguments);
        let name = path.display().to_string();
        let mut config = load_text::<AgentConfig>(&name, &text, &Sources::default())
            .map_err(|error| format!("the configuration would not be valid:\n{error}"))?
            .config;
        if config.influx.url != arguments.server {
            return Err(format!(
                "{name} sets influx.url in a way that this command cannot change: change it by hand"
            ));
        }
        config.influx.token = token.clone();
        config.influx.token_file = None;
        Ok(Self {
            path: path.to_owned(),
            text,
            token,
            config,
        })
    }

    /// The steps of `self-test` up to a write. A clock that is off is said, and is no reason to refuse.
    async fn try_connection(&self) -> Result<(), String> {
        let steps = self_test::steps(&self.config, Depth::Write).await;
        let steps = steps.map_err(|error| error.to_string())?;
        self_test::print(&steps);
        match steps.iter().all(|step| step.ok || step.name == "clock") {
            true => Ok(()),
            false => Err("the server did not take a write: the lines above say why".to_owned()),
        }
    }

    fn token_path(&self) -> PathBuf {
        self.path.with_file_name("tokens").join("agent.token")
    }

    fn write(&self) -> Result<(), String> {
        let token = self.token_path();
        write_token(&token, &self.token).map_err(|error| unwritten(&token, &*error))?;
        watchpost_service::cli::print(format_args!(
            "{:<4} {:<10} {}\n",
            "ok",
            "token",
            token.display()
        ));
        write_configuration(&self.path, &self.text)
            .map_err(|error| unwritten(&self.path, &*error))?;
        watchpost_service::cli::print(format_args!(
            "{:<4} {:<10} {}\n",
            "ok",
            "written",
            self.path.display()
        ));
        Ok(())
    }

    /// Enables and starts the service, and waits until it is ready.
    fn start(&self) -> Result<String, String> {
        if !Path::new(SYSTEMD_RUNS).is_dir() || !systemctl(&["cat", UNIT]).is_ok_and(|it| it) {
            return Ok(self.how_to_start());
        }
        for action in ["enable", "restart"] {
            if !systemctl(&["--quiet", action, UNIT])? {
                return Err(format!(
                    "the host is enrolled, but systemctl {action} {UNIT} failed: journalctl -u {UNIT} says why"
                ));
            }
        }
        Ok(format!(
            "Enrolled: this host writes to {}; watchpost-agent status says how it is doing.",
            self.config.influx.url
        ))
    }

    fn how_to_start(&self) -> String {
        format!(
            "Enrolled, and not started: systemctl enable --now {UNIT}, or without systemd\n  \
             INFLUX_TOKEN_FILE={} watchpost-agent --config {}",
            self.token_path().display(),
            self.path.display()
        )
    }
}

fn unwritten(path: &Path, error: &dyn std::error::Error) -> String {
    let hint = match error.to_string().contains("ermission denied") {
        true => ": run it as root",
        false => "",
    };
    format!("{} was not written: {error}{hint}", path.display())
}

fn token(path: &Path) -> Result<Secret, String> {
    let token = match path == Path::new("-") {
        true => token_of_standard_input()?,
        false => Secret::from_file(path).map_err(|error| error.to_string())?,
    };
    match token.reveal().chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(token),
        false => Err(format!(
            "{}: a token has visible ASCII characters only",
            path.display()
        )),
    }
}

fn token_of_standard_input() -> Result<Secret, String> {
    let mut text = String::new();
    io::stdin()
        .take(MAX_TOKEN_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| format!("standard input: {error}"))?;
    match text.trim() {
        "" => Err("standard input has no token".to_owned()),
        token => Ok(Secret::new(token)),
    }
}

/// The file's text with what was asked for; the token is not part of it.
fn edited(text: String, arguments: &EnrollArguments) -> String {
    let mut influx = vec![("url", arguments.server.clone())];
    influx.extend(arguments.org.clone().map(|it| ("org", it)));
    influx.extend(arguments.bucket.clone().map(|it| ("bucket", it)));
    let authorities = arguments.ca_file.as_ref();
    influx.extend(authorities.map(|it| ("ca_file", it.display().to_string())));
    let text = influx.iter().fold(text, |text, (key, value)| {
        edit::set(&text, "influx", key, value)
    });
    arguments.tag.iter().fold(text, |text, (key, value)| {
        let section = match OWN_TAGS.contains(&key.as_str()) {
            true => "tags",
            false => "tags.more",
        };
        edit::set(&text, section, key, value)
    })
}

type Written = Result<(), Box<dyn std::error::Error>>;

/// Mode 0600 by the mask of the process; owned by the owner of the folder, who keeps the tokens of this machine.
fn write_token(path: &Path, token: &Secret) -> Written {
    let disk = Disk::default();
    let folder = path.parent().unwrap_or(path);
    disk.create_folder(folder)?;
    disk.replace(path, token.reveal().as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let owner = fs::metadata(folder)?;
        std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// The rights of the file before, or those that a package gives it: the service reads it as a user of its own.
fn write_configuration(path: &Path, text: &str) -> Written {
    let before = fs::metadata(path).ok();
    Disk::default().replace(path, text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let mode = before.as_ref().map_or(0o644, |it| it.mode() & 0o7777);
        if let Some(before) = before {
            std::os::unix::fs::chown(path, Some(before.uid()), Some(before.gid()))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// True if it ended well.
fn systemctl(arguments: &[&str]) -> Result<bool, String> {
    let mut command = Command::new("systemctl");
    if arguments.first() == Some(&"cat") {
        command.stdout(std::process::Stdio::null());
    }
    let status = command.args(arguments).status();
    let status = status.map_err(|error| format!("systemctl: {error}"))?;
    Ok(status.success())
}
