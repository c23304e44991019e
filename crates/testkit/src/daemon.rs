//! A role's binary under test: started, listened to, signalled, and stopped with the test.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::record::Record;
use crate::{binary, environment, wait};

/// What a user or an init system sends to a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: finish what is under way, then end.
    Terminate,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGKILL: end at once, as in a crash.
    Kill,
}

/// A running process whose output is recorded. It is killed when the value goes.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    /// They end with the streams they read.
    readers: [thread::JoinHandle<()>; 2],
    /// Lines of standard output and standard error, in the order they came.
    pub output: Record<String>,
}

impl Daemon {
    /// A command for a built binary without the environment that would configure it; `None` if
    /// the binary is not built.
    pub fn command(name: &str) -> Option<Command> {
        binary(name).map(environment::command)
    }

    /// Starts a command and records its output.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut command: Command) -> Daemon {
        let piped = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let output = Record::default();
        let readers = [
            record_lines(child.stdout.take(), &output),
            record_lines(child.stderr.take(), &output),
        ];
        Daemon {
            child,
            readers,
            output,
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The whole output so far.
    pub fn text(&self) -> String {
        self.output.all().join("\n")
    }

    /// Waits for a line that contains `part` and returns it.
    ///
    /// # Panics
    /// With the output, if the process ends without it or [`wait::PATIENCE`] does.
    pub fn wait_for_line(&mut self, part: &str) -> String {
        self.line(part).unwrap_or_else(|why| panic!("{why}"))
    }

    /// As [`Daemon::wait_for_line`], but the error is returned: why, and the output.
    pub fn line(&mut self, part: &str) -> Result<String, String> {
        let looked = wait::until_or_none(|| {
            // In this order: what was printed before the end is found after it.
            let ended = self.has_ended() && self.is_read_up();
            let found = self.output.find(|line| line.contains(part));
            found.map(Some).or(ended.then_some(None))
        });
        match looked {
            Some(Some(line)) => Ok(line),
            Some(None) => Err(format!(
                "the process ended without {part:?}:\n{}",
                self.text()
            )),
            None => Err(format!(
                "no line with {part:?} in {:?}:\n{}",
                wait::PATIENCE,
                self.text()
            )),
        }
    }

    /// Waits until something accepts connections at the address.
    ///
    /// # Panics
    /// With the output, after [`wait::PATIENCE`].
    pub fn wait_for_port(&mut self, address: SocketAddr) {
        let connect = || TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok();
        let connected = wait::until_or_none(connect);
        assert!(
            connected.is_some(),
            "nothing listens at {address}:\n{}",
            self.text()
        );
    }

    /// Sends a signal; nothing happens if the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.has_ended() {
            return;
        }
        let number = match signal {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Interrupt => rustix::process::Signal::INT,
            Signal::Reload => rustix::process::Signal::HUP,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        // It was not waited for yet, so the id cannot be another process's.
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), number);
    }

    /// Waits for the end of the process and of its output.
    ///
    /// # Panics
    /// With the output, after [`wait::PATIENCE`].
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let ended = wait::until_or_none(|| {
            let status = self.child.try_wait().ok().flatten();
            status.filter(|_| self.is_read_up())
        });
        ended.unwrap_or_else(|| panic!("the process or its output does not end:\n{}", self.text()))
    }

    /// SIGTERM, and the status with which the process ends.
    ///
    /// # Panics
    /// With the output, after [`wait::PATIENCE`].
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::Terminate);
        self.wait_for_exit()
    }

    /// SIGKILL, as in a crash.
    ///
    /// # Panics
    /// With the output, after [`wait::PATIENCE`].
    pub fn kill(&mut self) {
        self.signal(Signal::Kill);
        self.wait_for_exit();
    }

    fn is_read_up(&self) -> bool {
        self.readers.iter().all(thread::JoinHandle::is_finished)
    }

    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn record_lines(
    stream: Option<impl Read + Send + 'static>,
    output: &Record<String>,
) -> thread::JoinHandle<()> {
    let stream = stream.expect("the stream is piped");
    let output = output.clone();
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            output.push(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    })
}
