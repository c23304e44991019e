//! Sessions of logged-in users: those systemd-logind keeps, else the records of utmp(5).

use std::io::Read as _;

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

const SESSIONS: &str = "run/systemd/sessions";
const UTMP: &str = "run/utmp";

/// One record of utmp(5) on Linux, 32 and 64 bit alike; the type is its first two bytes.
const RECORD_BYTES: usize = 384;
const USER_PROCESS: u8 = 7;
/// More than any host has sessions: what is beyond is not read.
const MAX_UTMP_BYTES: u64 = 4096 * RECORD_BYTES as u64;

/// How many sessions there are.
#[derive(Debug, Default)]
pub struct Users;

impl Collector for Users {
    fn name(&self) -> &'static str {
        "users"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let count = if files.exists(SESSIONS) {
            Some(from_logind(files))
        } else {
            from_utmp(files)
        };
        if let Some(count) = count {
            points.push(Row::new("system", at).integer("users_count", count));
        }
        Ok(())
    }
}

/// Sessions of class `user`; greeters, managers and background sessions are nobody logged in.
fn from_logind(files: &mut HostFiles) -> u64 {
    let names = files.list(SESSIONS);
    let of_users = names.iter().filter(|name| {
        let text = files
            .read_optional(&format!("{SESSIONS}/{name}"))
            .unwrap_or_default();
        text.lines().any(|line| line == "CLASS=user")
    });
    of_users.count() as u64
}

fn from_utmp(files: &HostFiles) -> Option<u64> {
    let mut bytes = Vec::new();
    std::fs::File::open(files.path(UTMP))
        .ok()?
        .take(MAX_UTMP_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(
        bytes
            .chunks_exact(RECORD_BYTES)
            .filter(|record| record[0] == USER_PROCESS)
            .count() as u64,
    )
}
