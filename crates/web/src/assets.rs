//! Styles and scripts, in the binary. Each is known by the hash of its bytes, so a browser asks
//! again and is told that nothing changed. For work on them they are read from `http.pages_folder`.

use std::borrow::Cow;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use crate::ApiError;
use crate::sign_in::users::hex;
use crate::state::App;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        asset!($name, $name, $kind)
    };
    ($name:literal, $file:literal, $kind:expr) => {
        Asset {
            name: $name,
            file: $file,
            kind: $kind,
            bytes: include_bytes!(concat!("../assets/", $file)).as_slice(),
        }
    };
}

struct Asset {
    /// Its name in addresses.
    name: &'static str,
    /// Its place below the folder of the assets.
    file: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 27] = [
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("favicon.svg", "image/svg+xml"),
    asset!("page.js", JAVASCRIPT),
    asset!("address.js", JAVASCRIPT),
    asset!("format.js", JAVASCRIPT),
    asset!("chartjs.js", "vendor/chart.umd.js", JAVASCRIPT),
    asset!("chart.js", JAVASCRIPT),
    asset!("chart-overlay.js", JAVASCRIPT),
    asset!("chart-picture.js", JAVASCRIPT),
    asset!("chart-scale.js", JAVASCRIPT),
    asset!("panel.js", JAVASCRIPT),
    asset!("fleet.js", JAVASCRIPT),
    asset!("fleet-map.js", JAVASCRIPT),
    asset!("wall.js", JAVASCRIPT),
    asset!("board.js", JAVASCRIPT),
    asset!("boards.js", JAVASCRIPT),
    asset!("pin.js", JAVASCRIPT),
    asset!("find.js", JAVASCRIPT),
    asset!("clock.js", JAVASCRIPT),
    asset!("range.js", JAVASCRIPT),
    asset!("heat-map.js", JAVASCRIPT),
    asset!("incident.js", JAVASCRIPT),
    asset!("host.js", JAVASCRIPT),
    asset!("compare.js", JAVASCRIPT),
    asset!("history.js", JAVASCRIPT),
    asset!("alerts.js", JAVASCRIPT),
    asset!("rule.js", JAVASCRIPT),
];

pub(crate) async fn serve(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return ApiError::NotFound(format!("asset {name}")).into_response();
    };
    let bytes = match &app.config.http.pages_folder {
        Some(folder) => match std::fs::read(folder.join("assets").join(asset.file)) {
            Ok(bytes) => Cow::Owned(bytes),
            Err(error) => return ApiError::Internal(error.to_string()).into_response(),
        },
        None => Cow::Borrowed(asset.bytes),
    };
    let tag = format!("\"{}\"", &hex(digest(&SHA256, &bytes).as_ref())[..16]);
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
    (cache, [(header::CONTENT_TYPE, asset.kind)], bytes).into_response()
}
