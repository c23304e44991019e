//! Every role has its pages and its completions, and they know its subcommands.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use watchpost_manual::{commands, write};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_command_has_a_page_and_every_shell_completes_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path()).unwrap();
    for command in commands() {
        let program = command.get_name();
        let page = read(&folder.path().join(format!("man1/{program}.1")));
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"] {
            assert!(page.contains(section), "{program}: {section}");
        }
        let completions = [
            format!("bash/{program}.bash"),
            format!("zsh/_{program}"),
            format!("fish/{program}.fish"),
        ]
        .map(|path| read(&folder.path().join(path)));
        let subcommands = command.get_subcommands().map(clap::Command::get_name);
        for subcommand in subcommands {
            let page = read(&folder.path().join(format!("man1/{program}-{subcommand}.1")));
            assert!(page.contains(".SH SYNOPSIS"), "{program} {subcommand}");
            for text in &completions {
                assert!(text.contains(subcommand), "{program} {subcommand}");
            }
        }
    }
}

#[test]
fn help_has_no_page() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path()).unwrap();
    for entry in fs::read_dir(folder.path().join("man1")).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_string_lossy().contains("-help"), "{name:?}");
    }
}

#[test]
fn bash_takes_its_completions() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path()).unwrap();
    for entry in fs::read_dir(folder.path().join("bash")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(output) = Command::new("bash").arg("-n").arg(&path).output() else {
            return println!("skipped: no bash on the PATH");
        };
        assert!(output.status.success(), "{}", path.display());
    }
}

#[test]
fn the_same_bytes_come_twice() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for folder in &folders {
        write(folder.path()).unwrap();
    }
    let output = Command::new("diff")
        .arg("-r")
        .args(folders.iter().map(tempfile::TempDir::path))
        .output();
    let Ok(output) = output else {
        return println!("skipped: no diff on the PATH");
    };
    assert!(output.status.success());
}
