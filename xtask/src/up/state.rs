//! What `up` writes down of a running platform, for `status`, `down` and the next `up`.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::child;
use super::layout::Layout;

/// The platform of one folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The process of `up` itself.
    pub(crate) supervisor: u32,
    pub(super) program: PathBuf,
    /// Where the server is, ours or another.
    pub(crate) server: String,
    /// True if compose runs the roles, in containers.
    #[serde(default)]
    pub(super) compose: bool,
    /// Where copies go, if some are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) backup: Option<String>,
    /// True once every role was ready.
    pub(crate) ready: bool,
    pub(crate) roles: Vec<RoleState>,
}

/// One role's process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RoleState {
    pub(crate) name: String,
    pub(crate) process: u32,
    pub(super) program: PathBuf,
    pub(crate) address: String,
    /// Seconds since 1970.
    pub(crate) started: u64,
    pub(crate) restarts: u32,
}

impl RoleState {
    pub(crate) fn is_alive(&self) -> bool {
        child::is_alive(self.process, &self.program)
    }
}

impl State {
    /// What the last `up` of this folder wrote, if it is still there.
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.state();
        match fs::read_to_string(&path) {
            // A half-written file is none: the writer renames.
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Written beside and renamed, so that a reader sees a whole file.
    pub(crate) fn write(&self, layout: &Layout) -> Result<()> {
        let path = layout.state();
        let beside = path.with_extension("json.new");
        fs::write(&beside, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&beside, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The platform has stopped.
    pub(crate) fn remove(layout: &Layout) {
        fs::remove_file(layout.state()).ok();
    }

    /// Where a role answers; `-` for one that is not there.
    pub(super) fn address(&self, role: &str) -> &str {
        let role = self.roles.iter().find(|it| it.name == role);
        role.map_or("-", |it| it.address.as_str())
    }

    pub(crate) fn is_supervised(&self) -> bool {
        child::is_alive(self.supervisor, &self.program)
    }
}

/// Ends the roles of an earlier run whose `up` was killed. The caller holds the folder's lock, so no
/// living `up` watches over them.
///
/// How many there were.
pub(super) fn end_leftovers(layout: &Layout) -> Result<usize> {
    let Some(state) = State::read(layout)? else {
        return Ok(0);
    };
    let left: Vec<&RoleState> = state.roles.iter().filter(|role| role.is_alive()).collect();
    for role in left.iter().rev() {
        eprintln!(
            "Ending the {} of an earlier run that was killed (process {}).",
            role.name, role.process
        );
        child::terminate(role.process)?;
        if !super::wait_for(Duration::from_secs(10), || !role.is_alive()) {
            child::kill(role.process)?;
        }
    }
    State::remove(layout);
    Ok(left.len())
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
