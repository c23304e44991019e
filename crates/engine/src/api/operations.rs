//! What an operator asks a running server, beside InfluxDB's API: a backup, a check of all files, statistics.
//! They want the operator's token, for they show the data of all organizations.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::{ApiError, Code};
use crate::auth::Permission;
use crate::operations::backup::write_backup;
use crate::operations::report::{StatsReport, VerifyReport};

/// Bytes of a backup that are handed over at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Chunks that wait for the reader: enough to keep the network busy, and all that a backup holds in memory.
const CHUNKS: usize = 4;

/// How long a reader may take none. A backup keeps merged and dropped files on disk until it ends.
const STALLED: Duration = Duration::from_secs(60);

/// `GET /watchpost/stats`: series by bucket, measurement and tag, bytes, oldest and newest times.
pub fn stats(call: &Call) -> Reply {
    need_operator(call)?;
    let report = StatsReport::of(&call.app.storage, &call.app.meta);
    Ok(Answer::ok(
        serde_json::to_value(report).map_err(ApiError::internal)?,
    ))
}

/// `GET /watchpost/verify`: reads and checks every byte of every file, while everything else goes on.
pub fn verify(call: &Call) -> Reply {
    need_operator(call)?;
    let _turn = turn(call)?;
    let report = VerifyReport::of(&call.app.storage)?;
    Ok(Answer::ok(
        serde_json::to_value(report).map_err(ApiError::internal)?,
    ))
}

/// `GET /watchpost/backup`: a consistent copy of everything that was acknowledged before the request, as a stream that
/// `watchpost-engine restore` reads. Writing goes on meanwhile.
///
/// # Errors
/// The caller is no operator, another backup runs.
pub fn backup(call: Call) -> Result<Response, ApiError> {
    need_operator(&call)?;
    let turn = turn(&call)?;
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut target = Chunks {
            sender,
            runtime,
            buffer: Vec::with_capacity(CHUNK_BYTES),
        };
        let written = write_backup(&call.app.storage, &call.app.meta, &mut target);
        match written {
            Ok(bytes) => tracing::info!(bytes, "a backup was sent"),
            Err(error) => {
                tracing::error!(%error, "a backup broke off");
                // The connection ends without the last chunk, so that nobody takes it for whole.
                let broken = Err(io::Error::other(error.to_string()));
                let _ = target.sender.blocking_send(broken);
            }
        }
        drop(turn);
    });
    let body = Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    }));
    let content_type = HeaderValue::from_static("application/octet-stream");
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, content_type)], body).into_response())
}

/// InfluxDB's own routes of backups: their content is that server's files.
pub fn not_as_influxdb_does(_call: &Call) -> Reply {
    // Not 501: `influx` shows the message of the codes that it knows, and "not implemented" is none of them.
    Err(ApiError::new(
        Code::Unprocessable,
        "this server has other files than InfluxDB: back up with `watchpost-engine backup FILE --host URL --token-file FILE` \
         (GET /watchpost/backup), restore with `watchpost-engine restore FILE --data-dir NEW_FOLDER`",
    ))
}

/// Fails unless the caller may do everything.
fn need_operator(call: &Call) -> Result<(), ApiError> {
    let caller = call.caller()?;
    match Permission::operator().iter().all(|one| caller.may(one)) {
        true => Ok(()),
        false => Err(ApiError::new(
            Code::Unauthorized,
            "only an operator's token may do this: it reads the data of all organizations",
        )),
    }
}

/// One backup or check at a time: each reads everything there is.
fn turn(call: &Call) -> Result<tokio::sync::OwnedSemaphorePermit, ApiError> {
    let turn = Arc::clone(&call.app.operation_turn).try_acquire_owned();
    turn.map_err(|_| {
        let message = "another backup or check of this server runs; try again when it is through";
        ApiError::new(Code::Unavailable, message).retry_after(60)
    })
}

/// Where a backup is written to: chunks for the reader of the answer.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
    buffer: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        let sent = self.sender.send_timeout(Ok(chunk.into()), STALLED);
        self.runtime
            .block_on(sent)
            .map_err(|_| io::Error::other("the client went away, or took nothing for a minute"))
    }
}
