//! Logging by `tracing` to standard error: lines for people on a terminal, JSON elsewhere.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, reload};

use crate::config::{LogConfig, LogFormat};

/// Text that is no log level.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is not a log level; use error, warn, info, debug or trace, per module as info,watchpost_agent=debug"
)]
pub struct LevelError {
    text: String,
}

/// Logging is already running, or cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The level is not one.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// Another subscriber is installed in this process.
    #[error("logging was already started: {0}")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Parses `info` or `info,watchpost_agent=debug`.
pub fn parse_level(text: &str) -> Result<Targets, LevelError> {
    text.parse().map_err(|_| LevelError {
        text: text.to_owned(),
    })
}

/// Changes the level while the process runs.
#[derive(Clone)]
pub struct LogHandle {
    filter: reload::Handle<Targets, tracing_subscriber::Registry>,
}

impl LogHandle {
    /// Takes the level of a reloaded configuration. The format stays until a restart.
    pub fn apply(&self, config: &LogConfig) -> Result<(), LevelError> {
        let targets = parse_level(&config.level)?;
        // Fails only when the subscriber is gone, which ends with the process.
        let _ = self.filter.reload(targets);
        Ok(())
    }
}

/// Starts logging for the process.
pub fn init(config: &LogConfig) -> Result<LogHandle, LoggingError> {
    let human = match config.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let (filter, handle) = reload::Layer::new(parse_level(&config.level)?);
    let registry = tracing_subscriber::registry().with(filter);
    if human {
        let layer = fmt::layer()
            // What cannot be written is lost; a complaint about it on the same closed pipe would be a panic.
            .log_internal_errors(false)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        registry.with(layer.boxed()).try_init()?;
    } else {
        let layer = fmt::layer()
            .json()
            .log_internal_errors(false)
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(std::io::stderr);
        registry.with(layer.boxed()).try_init()?;
    }
    Ok(LogHandle { filter: handle })
}
