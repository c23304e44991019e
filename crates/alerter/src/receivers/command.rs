//! A command: a program is run with the message as JSON on its standard input. No shell: nothing
//! of a message is ever part of a command line.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use super::settings::ReceiverSettings;
use super::{ANSWER_LIMIT, Delivered, cut, message_key, permanent, transient, webhook};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;

/// Exit code by which a program says that trying again cannot help (`EX_USAGE` of sysexits.h).
const EXIT_PERMANENT: i32 = 64;

pub(super) async fn send(
    settings: &ReceiverSettings,
    program: &Path,
    arguments: &[String],
    message: &Notification,
    presentation: &Presentation,
) -> Result<Delivered, Failure> {
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("WATCHPOST_RECEIVER", &settings.name)
        .env("WATCHPOST_STATUS", message.status())
        // The same for every attempt, and whether one before may have run.
        .env("WATCHPOST_MESSAGE_KEY", message_key(message))
        .env("WATCHPOST_REPEATED", message.repeated.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| transient(format!("{}: {error}", program.display())))?;
    let body = webhook::body(message, usize::MAX, presentation).to_string();
    if let Some(mut input) = child.stdin.take() {
        // A program that does not read its input is no failure.
        let _ = input.write_all(body.as_bytes()).await;
    }
    let output = child
        .wait_with_output()
        .await
        .map_err(|error| transient(error.to_string()))?;
    let said = if output.status.success() {
        &output.stdout
    } else {
        &output.stderr
    };
    let said = cut(String::from_utf8_lossy(said).trim(), ANSWER_LIMIT);
    match output.status.code() {
        Some(0) => Ok(Delivered::whole(said)),
        Some(EXIT_PERMANENT) => Err(permanent(format!("exit code 64: {said}"))),
        _ => Err(transient(format!("{}: {said}", output.status))),
    }
}
