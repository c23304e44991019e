//! What a role that keeps copies elsewhere fetches: the list of what the server consists of, sealed segments piece by
//! piece, and the growing end of the log.
//!
//! Its token needs the permission `read:backup`, which lets it do nothing else: not query, not see a bucket. Every answer
//! is bounded, and begins where the last one ended, so that the server keeps nothing for the one who asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use watchpost_storage::{LogPlace, SegmentFile};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::{ApiError, Code};
use crate::api::serve::begin_entry;
use crate::meta::State;

/// Bytes of a segment or of the log in one answer: enough to be busy with, and little beside what a query holds.
const PIECE_BYTES: usize = 4 << 20;

/// `GET /watchpost/archive/snapshot`: what the server consists of, with everything that was acknowledged before.
///
/// `{"platform", "time", "layout", "log": {"file", "offset"}, "segments": [{"name", "bucket", "bytes", "check"}],
/// "documents": [{"name", "content"}], "management", "buckets": [{"id", "name"}]}`; contents in base64, `time` in
/// nanoseconds since 1970.
pub fn snapshot(call: &Call) -> Reply {
    need_backup(call)?;
    let entry = begin_entry(call, "GET", &call.path)?;
    let time = call.now();
    let snapshot = call.app.storage.snapshot();
    let status = if snapshot.is_ok() { 200 } else { 500 };
    call.app.audit.end(entry, status, None, None);
    let snapshot = snapshot?;
    // After the points, so that no point is without its bucket.
    let management = call.app.meta.snapshot().map_err(ApiError::internal)?;
    let state = call.app.meta.read();
    let buckets = state.buckets.values();
    let named: Vec<Value> = buckets
        .map(|bucket| json!({ "id": bucket.id, "name": bucket.name }))
        .collect();
    let segments: Vec<Value> = snapshot.segments.iter().map(shown).collect();
    let documents: Vec<Value> = snapshot
        .documents
        .iter()
        .map(|(name, content)| json!({ "name": name, "content": STANDARD.encode(content) }))
        .collect();
    Ok(Answer::ok(json!({
        "platform": platform(&state)?,
        "time": time,
        "layout": STANDARD.encode(&snapshot.layout),
        "log": { "file": snapshot.log.file, "offset": snapshot.log.offset },
        "segments": segments,
        "documents": documents,
        "management": STANDARD.encode(management),
        "buckets": named,
    })))
}

fn shown(segment: &SegmentFile) -> Value {
    json!({
        "name": segment.name,
        "bucket": format!("{:016x}", segment.bucket),
        "bytes": segment.bytes,
        "check": segment.check,
    })
}

/// `GET /watchpost/archive/segment?name=&bytes=&check=&from=`: bytes of a segment of the list, a few megabytes at most; 404
/// if it was merged or dropped since.
pub fn segment(call: &Call) -> Reply {
    need_backup(call)?;
    let file = SegmentFile {
        name: call.query.get("name").unwrap_or_default().to_owned(),
        bucket: 0,
        bytes: number(call, "bytes")?,
        check: u32::try_from(number(call, "check")?).unwrap_or_default(),
    };
    let from = number(call, "from")?;
    match call.app.storage.segment_piece(&file, from, PIECE_BYTES)? {
        Some(bytes) => Ok(Answer::bytes(bytes)),
        None => Err(ApiError::not_found(
            "the segment is not there any more; take a new snapshot",
        )),
    }
}

/// `GET /watchpost/archive/log?file=&offset=&management=`: what was acknowledged from a place of the log on, a few megabytes
/// at most; 404 if that is sealed and gone.
///
/// A line of JSON, `{"platform", "time", "file", "offset", "head", "is_whole", "next": {"file", "offset"}, "management",
/// "management_check"}`, and the bytes. `management` is null while its checksum is the one that was sent.
pub fn log(call: &Call) -> Reply {
    need_backup(call)?;
    let time = call.now();
    let from = LogPlace {
        file: number(call, "file")?,
        offset: number(call, "offset")?,
    };
    let Some(piece) = call.app.storage.log_piece(from, PIECE_BYTES)? else {
        return Err(ApiError::not_found(
            "that part of the log is sealed and gone; take a new snapshot",
        ));
    };
    // After the points, so that no point is without its bucket.
    let management = call.app.meta.snapshot().map_err(ApiError::internal)?;
    let check = crc32fast::hash(&management);
    let is_known = call.query.get("management") == Some(&check.to_string());
    let head = json!({
        "platform": platform(&call.app.meta.read())?,
        "time": time,
        "file": piece.from.file,
        "offset": piece.from.offset,
        "head": STANDARD.encode(&piece.head),
        "is_whole": piece.is_whole,
        "next": { "file": piece.next.file, "offset": piece.next.offset },
        "management": (!is_known).then(|| STANDARD.encode(&management)),
        "management_check": check,
    });
    let mut body = head.to_string().into_bytes();
    body.push(b'\n');
    body.extend(piece.bytes);
    Ok(Answer::bytes(body))
}

/// Fails unless the caller may take a copy of everything.
fn need_backup(call: &Call) -> Result<(), ApiError> {
    match call.caller()?.permissions.back_up() {
        true => Ok(()),
        false => Err(ApiError::new(
            Code::Unauthorized,
            "only an operator's token, or one with the permission read:backup, may do this: a copy holds the data of all \
             organizations",
        )),
    }
}

/// By what this server, and every copy of it, is known: its first organization.
fn platform(state: &State) -> Result<String, ApiError> {
    let organizations = state.organizations.values();
    let first = organizations.min_by_key(|organization| (organization.created_at, organization.id));
    let first = first.ok_or_else(|| {
        ApiError::new(Code::Unavailable, "the server is not set up yet").retry_after(5)
    })?;
    Ok(first.id.to_string())
}

fn number(call: &Call, name: &str) -> Result<u64, ApiError> {
    let text = call.query.get(name).unwrap_or_default();
    text.parse()
        .map_err(|_| ApiError::invalid(format!("{name} must be a whole number, not {text:?}")))
}
