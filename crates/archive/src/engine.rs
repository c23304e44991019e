//! The engine's program: it alone writes and reads its data folder, so a restore is handed to it, and a drill starts it.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::error::{Error, Result};

/// The program's name.
const PROGRAM: &str = "watchpost-engine";

/// What it prints when its port is open, before the URL.
const LISTENING: &str = "listening on ";

/// Lines that are read of a server's start: it says some ten before it listens.
const START_LINES: usize = 200;

/// Where the program is.
#[derive(Debug, Clone)]
pub struct Engine(PathBuf);

/// A restore that takes a backup's stream.
pub struct Restoring {
    child: Child,
    input: Option<ChildStdin>,
}

/// A server for a drill; it ends with the value.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Open for as long as the server may write to it.
    _output: BufReader<ChildStdout>,
}

impl Engine {
    /// The one that is named, else the one beside this program, else the one in the path.
    pub fn find(named: Option<&Path>) -> Self {
        let beside = std::env::current_exe().ok();
        let beside = beside.and_then(|it| Some(it.parent()?.join(PROGRAM)));
        let found = named
            .map(Path::to_path_buf)
            .or(beside.filter(|it| it.is_file()));
        Self(found.unwrap_or_else(|| PathBuf::from(PROGRAM)))
    }

    fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("--data-dir").arg(data);
        command
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::Refused(format!(
            "{} cannot be started ({error}); name it with --engine, or write the copy into a file with --file",
            self.0.display()
        ))
    }

    /// Begins a restore into a folder.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn restore(&self, data: &Path) -> Result<Restoring> {
        let mut command = self.command(data);
        command
            .args(["restore", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.failed(error))?;
        let input = child.stdin.take();
        Ok(Restoring { child, input })
    }

    /// Checks every byte of a folder.
    ///
    /// # Errors
    /// Something is damaged: the program says what.
    pub fn verify(&self, data: &Path) -> Result<()> {
        let output = self.command(data).arg("verify").output();
        let output = output.map_err(|error| self.failed(error))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Error::damaged(
                data.display().to_string(),
                format!(
                    "{}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                ),
            )),
        }
    }

    /// Serves a folder on a free port of loopback.
    ///
    /// # Errors
    /// It does not start; with what it said.
    pub fn serve(&self, data: &Path) -> Result<Serving> {
        let mut command = self.command(data);
        command
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null());
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| self.failed(error))?;
        let mut said = String::new();
        if let Some(output) = child.stdout.take() {
            let mut output = BufReader::new(output);
            for _ in 0..START_LINES {
                let mut line = String::new();
                match output.read_line(&mut line) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
                if let Some((_, url)) = line.split_once(LISTENING) {
                    return Ok(Serving {
                        url: url.trim().to_owned(),
                        child,
                        _output: output,
                    });
                }
                said.push_str(&line);
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(Error::Refused(format!(
            "the restored server does not start: {said}"
        )))
    }
}

impl Restoring {
    /// Waits until all is restored.
    ///
    /// # Errors
    /// The program refuses, and says why.
    pub fn finish(mut self) -> Result<()> {
        drop(self.input.take());
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            _ => Err(Error::Refused(said.trim().to_owned())),
        }
    }
}

impl Write for Restoring {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.input {
            Some(input) => input.write(bytes),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        // Ended already if it was finished; else what it began is swept by its next restore.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
