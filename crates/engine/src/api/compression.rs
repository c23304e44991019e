//! Compressed bodies and answers: gzip, with the body's limit counted after decompression.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;

use crate::api::bodies::{self, Charge};
use crate::api::error::{ApiError, Code};

/// Whether a body is compressed; those of other encodings are taken as they are, as InfluxDB does.
pub fn is_gzip(headers: &HeaderMap) -> bool {
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok());
    encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"))
}

/// A compressed body as it was before. Takes long: for a thread that may block.
///
/// # Errors
/// It is no gzip, is longer than the limit, or the account of bodies is used up.
pub fn decoded(body: &Bytes, limit: usize, charge: &mut Charge) -> Result<Bytes, ApiError> {
    bodies::read_decoded(MultiGzDecoder::new(body.as_ref()), limit, charge)
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
