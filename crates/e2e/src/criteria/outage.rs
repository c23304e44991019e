//! The server is killed under load, and again whenever it comes back, so that it stays away for a
//! while: every second of every host is there afterwards, and the agents dropped nothing.

use std::time::Instant;

use super::scene::HOSTS;
use super::{Finding, Miss, Scene};
use crate::seconds;

/// Kills in a row: `up` waits 1, 2, 4 … seconds before it starts the server again.
const KILLS: usize = 4;
const KILLS_QUICK: usize = 3;

pub(super) fn judge(scene: &Scene) -> Finding {
    if scene.terms.external.is_some() {
        return Err(Miss::Skipped("the server is not ours to kill".into()));
    }
    let platform = scene.platform();
    let before = seconds::newest(platform, "host-4").ok_or("nothing was stored before the kill")?;
    let kills = if scene.terms.quick {
        KILLS_QUICK
    } else {
        KILLS
    };
    let began = Instant::now();
    for _ in 0..kills {
        platform.kill("engine");
    }
    let away = began.elapsed().as_secs();
    let all = seconds::wait_for_all(platform, HOSTS, before, 10)?;
    let since = began.elapsed().as_secs() - away;
    seconds::nothing_dropped(platform)?;
    let written = platform.figure("fleet", "watchpost_agent_lines_written_total");
    let written = written.ok_or("the fleet does not tell what it has written")?;
    Ok(format!(
        "killed {kills} times, away for {away} s; {since} s later all {all} s around it are there for {HOSTS} hosts, \
         and of {written} lines the agents dropped none"
    ))
}
