//! `watchpost-manual FOLDER`: writes manual pages and completions there.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("watchpost-manual FOLDER: writes manual pages and shell completions there");
        return ExitCode::from(64);
    };
    match watchpost_manual::write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watchpost-manual: {error}");
            ExitCode::FAILURE
        }
    }
}
