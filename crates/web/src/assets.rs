//! Styles and scripts, in the binary. Each is known by the hash of its bytes, so a browser asks
//! again and is told that nothing changed.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use crate::ApiError;
use crate::sign_in::users::hex;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        (
            $name,
            $kind,
            include_bytes!(concat!("../assets/", $name)).as_slice(),
        )
    };
}

/// Name, type and bytes.
const ASSETS: [(&str, &str, &[u8]); 17] = [
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("favicon.svg", "image/svg+xml"),
    asset!("page.js", JAVASCRIPT),
    asset!("address.js", JAVASCRIPT),
    asset!("format.js", JAVASCRIPT),
    (
        "chartjs.js",
        JAVASCRIPT,
        include_bytes!("../assets/vendor/chart.umd.js"),
    ),
    asset!("chart.js", JAVASCRIPT),
    asset!("chart-overlay.js", JAVASCRIPT),
    asset!("chart-picture.js", JAVASCRIPT),
    asset!("chart-scale.js", JAVASCRIPT),
    asset!("panel.js", JAVASCRIPT),
    asset!("fleet.js", JAVASCRIPT),
    asset!("host.js", JAVASCRIPT),
    asset!("compare.js", JAVASCRIPT),
    asset!("history.js", JAVASCRIPT),
    asset!("alerts.js", JAVASCRIPT),
    asset!("rule.js", JAVASCRIPT),
];

pub(crate) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some((_, kind, bytes)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return ApiError::NotFound(format!("asset {name}")).into_response();
    };
    let tag = format!("\"{}\"", &hex(digest(&SHA256, bytes).as_ref())[..16]);
    let cache = [
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.contains(&tag[1..tag.len() - 1])) {
        return (StatusCode::NOT_MODIFIED, cache).into_response();
    }
    (cache, [(header::CONTENT_TYPE, *kind)], *bytes).into_response()
}
