//! Running a program of the host for its output: no shell, a deadline, and a bound on what it may say.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Where programs are looked for. The agent's own environment is not theirs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Between two looks whether a program that has closed its output has ended.
const LOOK: Duration = Duration::from_millis(5);

/// What a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its standard output; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
}

impl Output {
    /// What `program` said, if it ended well.
    ///
    /// Errors: it ended with another code than 0, or by a signal.
    pub fn of_success(self, program: &str) -> io::Result<String> {
        match self.code {
            Some(0) => Ok(self.text),
            code => Err(io::Error::other(format!("{program} ended with {code:?}"))),
        }
    }
}

/// Runs `program` with `arguments`. It is killed, with what it started, when `deadline` has passed.
///
/// Errors: it cannot be started, takes longer, or says more than `max_bytes`.
pub fn run(
    program: &str,
    arguments: &[&str],
    deadline: Duration,
    max_bytes: u64,
) -> io::Result<Output> {
    let began = Instant::now();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let output = child.stdout.take();
    let (sender, said) = channel();
    let read = move || {
        let mut bytes = Vec::new();
        let result = output.map_or(Ok(0), |output| {
            output.take(max_bytes + 1).read_to_end(&mut bytes)
        });
        // It fails if the deadline passed meanwhile.
        let _ = sender.send(result.map(|_| bytes));
    };
    let reader = thread::Builder::new()
        .name("command".to_owned())
        .stack_size(128 * 1024)
        .spawn(read);
    let bytes = match reader.map(|_| said.recv_timeout(deadline)) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(RecvTimeoutError::Timeout)) => Err(io::ErrorKind::TimedOut.into()),
        Ok(Err(RecvTimeoutError::Disconnected)) => Err(io::ErrorKind::Other.into()),
        Err(error) => Err(error),
    };
    let bytes = bytes.and_then(|bytes| match bytes.len() as u64 > max_bytes {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("its output is longer than {max_bytes} bytes"),
        )),
        false => Ok(bytes),
    });
    let code = bytes.and_then(|bytes| Ok((bytes, wait(&mut child, began + deadline)?)));
    if code.is_err() {
        end(&mut child);
    }
    let (bytes, code) = code?;
    Ok(Output {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        code,
    })
}

/// Waits for the end of a program that has closed its output.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<i32>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(LOOK);
    }
}

/// Kills a program and what it started; what cannot be killed is left to the system.
fn end(child: &mut Child) {
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::KILL,
    );
    let _ = child.kill();
    let _ = child
        .try_wait()
        .map(|status| status.is_none().then(|| child.wait()));
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::ErrorKind;
    use std::time::Duration;

    use super::run;

    const AMPLE: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_is_heard_to_its_end() {
        let output = run("sh", &["-c", "echo \"a $HOME b\"; exit 3"], AMPLE, 100).unwrap();
        assert_eq!((output.text.as_str(), output.code), ("a  b\n", Some(3)));
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let error = run(
            "sh",
            &["-c", "sleep 600 & sleep 600"],
            Duration::from_millis(50),
            100,
        )
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn one_that_says_too_much_is_refused() {
        let error = run(
            "sh",
            &["-c", "while :; do echo xxxxxxxxxxxxxxx; done"],
            AMPLE,
            1000,
        )
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(
            run("no-such-program", &[], AMPLE, 1).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
