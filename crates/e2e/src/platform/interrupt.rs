//! Ctrl-C while a platform is judged: it is stopped and its folder goes, as at a normal end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// The processes of `up` and their folders.
static STARTED: Mutex<Vec<(u32, PathBuf)>> = Mutex::new(Vec::new());

/// What shells give for a program that ended by Ctrl-C.
const EXIT_CODE: i32 = 130;

pub(super) fn remember(up: u32, folder: &Path) {
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    started.push((up, folder.to_owned()));
}

/// From now on SIGINT and SIGTERM stop what was started, remove the folders and end this process.
///
/// # Errors
/// The signals cannot be listened to.
pub fn clean_up_on_signal() -> std::io::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
        clean_up();
        std::process::exit(EXIT_CODE);
    });
    Ok(())
}

fn clean_up() {
    let started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    for (up, folder) in started.iter() {
        let pid = i32::try_from(*up).ok().and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|_| folder.exists()) else {
            continue;
        };
        // Both fail only if it has ended already.
        let _ = kill_process(pid, Signal::TERM);
        watchpost_testkit::wait::until_or_none(|| has_ended(pid).then_some(()));
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// A child that nobody waits for stays as a zombie, which is an end as well.
fn has_ended(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let zombie = stat.is_ok_and(|it| {
        it.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    });
    zombie || test_kill_process(pid).is_err()
}
