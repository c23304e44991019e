//! `POST /api/v2/query`: a query's answer streamed as CSV while it is computed.
//!
//! The query runs on a thread of its own and hands over chunks through a short channel: a slow reader slows the query, and
//! one that goes away ends it. What fails before the first byte was sent is a JSON error; after it, an error table.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use tokio::sync::mpsc;
use watchpost_core::csv::Writer;
use watchpost_flux::error::{Error, ErrorKind};

use crate::api::call::Call;
use crate::api::compression;
use crate::api::error::{ApiError, Code};
use crate::api::query_request::QueryRequest;
use crate::app::App;
use crate::limits::COMPRESS_BYTES;
use crate::query::{Encoder, Outlet, Request, Runner, Ticket};

/// Bytes that are collected before they are sent: large enough to be worth a packet, small enough to show a long answer early.
const CHUNK_BYTES: usize = 256 << 10;

/// Chunks that wait for the reader.
const CHUNKS: usize = 4;

/// The header that asks for what was pushed down to storage, in the answer's header of the same name.
pub const EXPLAIN: HeaderName = HeaderName::from_static("x-watchpost-explain");

/// What the query's thread says.
enum Message {
    /// More of the answer.
    Chunk(Vec<u8>),
    /// It failed before the answer began.
    Failed(ApiError),
    /// The whole answer, with the explanation.
    Whole(Vec<u8>, Vec<String>),
}

/// Answers a query.
///
/// # Errors
/// What is wrong with the request, or with the query as long as nothing was sent.
pub async fn query(call: Call) -> Result<Response, ApiError> {
    let asked = QueryRequest::of(&call)?;
    let caller = call.caller()?.clone();
    let asker = caller.asker(asked.org);
    let ticket = call
        .app
        .queries
        .enter(&asked.text, asked.org, asker)
        .await?;
    let request = Request {
        org: asked.org,
        permissions: caller.permissions,
        now: asked.now.unwrap_or_else(|| call.now()),
        text: asked.text,
        externals: asked.externals,
        last_success: None,
    };
    let (sender, mut receiver) = mpsc::channel(CHUNKS);
    let (app, dialect) = (Arc::clone(&call.app), asked.dialect);
    tokio::task::spawn_blocking(move || {
        let mut answer = Stream {
            encoder: Encoder::new(dialect),
            sending: Sending {
                app: &app,
                sender,
                is_streaming: false,
            },
        };
        answer.fill(&request, ticket);
    });
    let gzip = compression::accepted(&call.headers);
    let mut response = match receiver.recv().await {
        None => {
            return Err(ApiError::internal(
                "the query's thread ended without an answer",
            ));
        }
        Some(Message::Failed(error)) => return Err(error),
        Some(Message::Whole(bytes, explain)) => {
            let mut response = whole(bytes, gzip).map_err(ApiError::internal)?;
            if call.headers.contains_key(&EXPLAIN)
                && let Ok(value) = HeaderValue::from_str(&explain.join("; "))
            {
                response.headers_mut().insert(EXPLAIN, value);
            }
            response
        }
        Some(Message::Chunk(first)) => streamed(first, receiver, gzip),
    };
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    Ok(response)
}

/// The answer in the making, on the query's thread.
struct Stream<'a> {
    encoder: Encoder,
    sending: Sending<'a>,
}

/// The way of an answer to its client.
struct Sending<'a> {
    app: &'a App,
    sender: mpsc::Sender<Message>,
    is_streaming: bool,
}

impl Stream<'_> {
    /// Runs the query and sends its end when its turn is given back: who has the answer may ask again at once.
    fn fill(&mut self, request: &Request, ticket: Ticket) {
        let sender = self.sending.sender.clone();
        let abandoned = || sender.is_closed();
        let runner = Runner {
            app: self.sending.app,
            request,
            ticket: &ticket,
            abandoned: &abandoned,
        };
        let outcome =
            runner.run(&mut |result, table| self.encoder.table(result, &table, &mut self.sending));
        drop(ticket);
        let is_streaming = self.sending.is_streaming;
        let explain = match outcome {
            Ok(outcome) => {
                self.encoder.end();
                outcome.explain
            }
            Err(error) if !is_streaming => return self.sending.send(Message::Failed(error)),
            Err(error) => {
                self.encoder.error(&error.message);
                Vec::new()
            }
        };
        let rest = self.encoder.take();
        self.sending.send(match is_streaming {
            true => Message::Chunk(rest),
            false => Message::Whole(rest, explain),
        });
    }
}

impl Sending<'_> {
    fn send(&self, message: Message) {
        // A client that went away needs no answer.
        let _ = self.sender.blocking_send(message);
    }
}

impl Outlet for Sending<'_> {
    fn make_room(&mut self, bytes: usize) -> Result<(), Error> {
        let limit = self.app.limits.max_query_bytes;
        if bytes > limit {
            return Err(Error::out_of_memory(limit, bytes));
        }
        let reserved = self.app.memory.reserve(bytes);
        let refused = reserved.map(drop);
        refused.map_err(|full| Error::exhausted(full.to_string()))
    }

    fn offer(&mut self, writer: &mut Writer) -> Result<(), Error> {
        if writer.len() < CHUNK_BYTES {
            return Ok(());
        }
        self.is_streaming = true;
        let sent = self.sender.blocking_send(Message::Chunk(writer.take()));
        sent.map_err(|_| Error::new(ErrorKind::Canceled, "the client went away"))
    }
}

fn whole(bytes: Vec<u8>, gzip: bool) -> std::io::Result<Response> {
    if !gzip || bytes.len() < COMPRESS_BYTES {
        return Ok((StatusCode::OK, bytes).into_response());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes)?;
    let headers = [(header::CONTENT_ENCODING, "gzip")];
    Ok((StatusCode::OK, headers, encoder.finish()?).into_response())
}

fn streamed(first: Vec<u8>, receiver: mpsc::Receiver<Message>, gzip: bool) -> Response {
    let encoder = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let chunks = Chunks {
        first: Some(first),
        receiver,
        encoder,
        is_done: false,
    };
    let body = Body::from_stream(stream::unfold(chunks, |mut chunks| async move {
        chunks.next().await.map(|chunk| (chunk, chunks))
    }));
    let mut response = (StatusCode::OK, body).into_response();
    if gzip {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// The body of a long answer.
struct Chunks {
    first: Option<Vec<u8>>,
    receiver: mpsc::Receiver<Message>,
    encoder: Option<GzEncoder<Vec<u8>>>,
    is_done: bool,
}

impl Chunks {
    async fn next(&mut self) -> Option<std::io::Result<Bytes>> {
        while !self.is_done {
            let plain = match self.first.take() {
                Some(first) => Some(first),
                None => match self.receiver.recv().await {
                    Some(Message::Chunk(chunk)) => Some(chunk),
                    Some(Message::Whole(..) | Message::Failed(_)) | None => None,
                },
            };
            self.is_done = plain.is_none();
            let bytes = match (&mut self.encoder, plain) {
                (None, Some(plain)) => Ok(plain),
                (None, None) => return None,
                (Some(encoder), Some(plain)) => encoder
                    .write_all(&plain)
                    .map(|()| std::mem::take(encoder.get_mut())),
                (Some(encoder), None) => encoder
                    .try_finish()
                    .map(|()| std::mem::take(encoder.get_mut())),
            };
            match bytes {
                Ok(bytes) if bytes.is_empty() => {}
                bytes => return Some(bytes.map(Bytes::from)),
            }
        }
        None
    }
}

/// `GET /api/v2/queries`: the queries that run; those of the caller's token (or session), or all for
/// those who may read all tokens.
///
/// # Errors
/// No valid credentials.
pub fn running(call: &Call) -> crate::api::call::Reply {
    let state = call.app.meta.read();
    let queries: Vec<_> = call
        .app
        .queries
        .running()
        .into_iter()
        .filter(|query| may_see(call, query))
        .map(|query| {
            serde_json::json!({
                "id": query.id.to_string(),
                "query": query.text,
                "orgID": query.org,
                "user": state.users.get(&query.user).map(|user| user.name.clone()),
                "seconds": query.runs_for.as_secs_f64(),
            })
        })
        .collect();
    Ok(crate::api::call::Answer::ok(
        serde_json::json!({ "queries": queries }),
    ))
}

/// `DELETE /api/v2/queries/{id}`: ends a query.
///
/// # Errors
/// It does not run, or is somebody else's.
pub fn kill(call: &Call) -> crate::api::call::Reply {
    let missing = || ApiError::new(Code::NotFound, "query not found");
    let id: u64 = call.parameter("id").parse().map_err(|_| missing())?;
    let running = call.app.queries.running();
    running
        .iter()
        .find(|query| query.id == id && may_see(call, query))
        .ok_or_else(missing)?;
    match call.app.queries.kill(id) {
        true => Ok(crate::api::call::Answer::no_content()),
        false => Err(missing()),
    }
}

fn may_see(call: &Call, query: &crate::query::QueryInformation) -> bool {
    use crate::auth::{Action, Permission, ResourceType};
    let all = Permission::of_org(Action::Read, ResourceType::Authorizations, query.org);
    call.caller
        .as_ref()
        .is_some_and(|caller| caller.holder() == query.holder || caller.may(&all))
}
