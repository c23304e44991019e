//! Configuration of a role: one typed struct, filled in layers, checked whole before any port
//! opens, and its reference generated from the same struct.
//!
//! Layers, later ones win: the struct's `Default`, the TOML file, the environment
//! (`WATCHPOST_SECTION__KEY` and the customary names a role declares), flags (`--set KEY=VALUE`
//! and a role's own).
//!
//! A role writes plain serde structs with doc comments, every one with
//! `#[serde(default, deny_unknown_fields)]`, and implements [`RoleConfig`] for the outermost.

mod byte_size;
pub mod environment;
mod interval;
mod layers;
mod load;
mod place;
mod print;
mod problem;
pub mod reference;
mod sections;
mod settle;
mod shape;

pub use self::byte_size::ByteSize;
pub use self::interval::Interval;
pub use self::layers::nearest;
pub use self::load::{Loaded, Sources, load, load_text};
pub use self::place::locate;
pub use self::print::print;
pub use self::problem::{ConfigError, Problem, Problems};
pub use self::sections::{
    InfluxConfig, LogConfig, LogFormat, ServerKind, TelemetryConfig, check_secret_file,
    check_token_file,
};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// Process exit code for a configuration that cannot be used (`EX_USAGE` of sysexits.h).
pub const EXIT_BAD_CONFIG: u8 = 64;

/// The configuration of one role.
pub trait RoleConfig:
    Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// The role's name: `agent`. Names its file `watchpost-agent.toml`, its reference page, and
    /// the variables meant for it alone (`WATCHPOST_AGENT__SECTION__KEY`).
    const ROLE: &'static str;

    /// Customary variables and the key each stands for: `("INFLUX_URL", "influx.url")`.
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[];

    /// Checks what types cannot: ranges, combinations, files that must exist. Reports every
    /// problem it finds by the key it concerns; places are filled in by the loader.
    fn check(&self, problems: &mut Problems);

    /// Checks what is only missed in use and costs nothing else then: the secret of one receiver of many. A start does
    /// without it, `check-config` names it.
    fn check_use(&self, _environment: &BTreeMap<String, String>, _problems: &mut Problems) {}

    /// The `[log]` section, so that the command line can start logging.
    fn log(&self) -> &LogConfig;
}
