//! Requests that a query sends: packages `http`, `experimental/http`, `http/requests`.

use std::sync::Arc;

use super::native;
use crate::effects::HttpRequest;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::{Effect, Scalar};
use crate::interpret::{Arguments, Native};
use crate::value::{Duration, Record, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("http", "post", "url, ?headers, ?data", Effect, post),
    native("http", "basicAuth", "u, p", Scalar, basic_auth),
    native("http", "pathEscape", "inputString", Scalar, |_, a| {
        Ok(Value::text(path_escape(&a.string("inputString")?)))
    }),
    native(
        "experimental/http",
        "get",
        "url, ?headers, ?timeout",
        Effect,
        get,
    ),
    native(
        "http/requests",
        "do",
        "method, url, ?params, ?headers, ?body, ?config",
        Effect,
        request,
    ),
    native(
        "http/requests",
        "get",
        "url, ?params, ?headers, ?body, ?config",
        Effect,
        |c, a| send(c, a, "GET"),
    ),
    native(
        "http/requests",
        "post",
        "url, ?params, ?headers, ?body, ?config",
        Effect,
        |c, a| send(c, a, "POST"),
    ),
];

/// How long an answer may take unless the call says otherwise: 30 s, as the reference waits.
const TIMEOUT: i64 = 30_000_000_000;

fn headers(arguments: &Arguments) -> Result<Vec<(String, String)>, Error> {
    let mut headers = Vec::new();
    match arguments.get("headers") {
        None | Some(Value::Null) => {}
        Some(Value::Record(record)) => {
            for (name, value) in record.iter() {
                headers.push((name.to_string(), header_text(value)?));
            }
        }
        Some(Value::Dict(dict)) => {
            for (name, value) in dict.iter() {
                headers.push((header_text(&name.value())?, header_text(value)?));
            }
        }
        Some(other) => {
            return Err(Error::invalid(format!(
                "headers must be a record, found {}",
                other.type_name()
            )));
        }
    }
    Ok(headers)
}

fn header_text(value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        other => Err(Error::invalid(format!(
            "a header must be a string, found {}",
            other.type_name()
        ))),
    }
}

fn body(value: Option<&Value>) -> Result<Vec<u8>, Error> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Bytes(bytes)) => Ok(bytes.to_vec()),
        Some(Value::String(text)) => Ok(text.as_bytes().to_vec()),
        Some(other) => Err(Error::invalid(format!(
            "a body must be bytes, found {}",
            other.type_name()
        ))),
    }
}

fn post(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let answer = context.effects().http(HttpRequest {
        method: "POST".to_owned(),
        url: arguments.string("url")?.to_string(),
        headers: headers(arguments)?,
        body: body(arguments.get("data"))?,
        timeout: TIMEOUT,
    })?;
    Ok(Value::Integer(i64::from(answer.status)))
}

fn get(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let timeout = arguments
        .optional_duration("timeout")?
        .map_or(TIMEOUT, Duration::approximate_nanoseconds);
    let answer = context.effects().http(HttpRequest {
        method: "GET".to_owned(),
        url: arguments.string("url")?.to_string(),
        headers: headers(arguments)?,
        body: Vec::new(),
        timeout,
    })?;
    Ok(answer_record(answer, "statusCode"))
}

fn answer_record(answer: crate::effects::HttpAnswer, status: &str) -> Value {
    let mut headers = Record::default();
    for (name, value) in answer.headers {
        headers.set(Arc::from(name), Value::text(value));
    }
    Value::record(Record::from([
        (status, Value::Integer(i64::from(answer.status))),
        ("body", Value::Bytes(Arc::from(answer.body))),
        ("headers", Value::record(headers)),
    ]))
}

fn request(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let method = arguments.string("method")?;
    send(context, arguments, &method)
}

fn send(context: &Context<'_>, arguments: &Arguments, method: &str) -> Result<Value, Error> {
    let mut url = arguments.string("url")?.to_string();
    if let Some(Value::Dict(parameters)) = arguments.get("params") {
        for (name, values) in parameters.iter() {
            let Value::Array(values) = values else {
                continue;
            };
            for value in values.iter() {
                url.push(if url.contains('?') { '&' } else { '?' });
                url.push_str(&format!(
                    "{}={}",
                    path_escape(&header_text(&name.value())?),
                    path_escape(&header_text(value)?)
                ));
            }
        }
    }
    let timeout = match arguments
        .optional_record("config")?
        .as_deref()
        .and_then(|config| config.get("timeout"))
    {
        Some(Value::Duration(timeout)) => timeout.approximate_nanoseconds(),
        _ => TIMEOUT,
    };
    let request = HttpRequest {
        method: method.to_owned(),
        url,
        headers: headers(arguments)?,
        body: body(arguments.get("body"))?,
        timeout,
    };
    Ok(answer_record(
        context.effects().http(request)?,
        "statusCode",
    ))
}

fn basic_auth(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let credentials = format!("{}:{}", arguments.string("u")?, arguments.string("p")?);
    Ok(Value::text(format!(
        "Basic {}",
        base64(credentials.as_bytes())
    )))
}

/// Base64 with padding (RFC 4648, section 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

/// A text as one segment of a path (RFC 3986).
fn path_escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b'$'
            | b'&'
            | b'+'
            | b':'
            | b'='
            | b'@' => {
                escaped.push(char::from(byte));
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}
