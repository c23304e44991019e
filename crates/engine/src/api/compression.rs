//! Compressed bodies and answers: gzip, with the body's limit counted after decompression.

use std::io::Read;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;

use crate::api::error::{ApiError, Code};

/// The body as it was before compression; bodies of other encodings are taken as they are, as InfluxDB does.
///
/// # Errors
/// It is not gzip though it says so, or is longer than the limit.
pub fn decoded(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, ApiError> {
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok());
    if !encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip")) {
        return Ok(body);
    }
    let mut plain = Vec::new();
    let cap = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(body.as_ref())
        .take(cap)
        .read_to_end(&mut plain);
    match read {
        Err(error) => Err(ApiError::invalid(format!(
            "the body is not the gzip that Content-Encoding says: {error}"
        ))),
        Ok(_) if plain.len() > limit => Err(too_large(limit)),
        Ok(_) => Ok(Bytes::from(plain)),
    }
}

/// A body beyond the limit.
pub fn too_large(limit: usize) -> ApiError {
    let message = format!(
        "the request body is larger than {limit} bytes; send smaller batches (--max-body-bytes)"
    );
    ApiError::new(Code::TooLarge, message)
}

/// Whether the caller takes gzip.
pub fn accepted(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && weight.replace(' ', "") != "q=0"
    })
}
