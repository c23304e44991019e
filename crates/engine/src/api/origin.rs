//! Requests of browsers that a page of another origin made them send.
//!
//! A token has to be added by whoever knows it. A cookie is added by the browser, whichever page asks, also one of another
//! port of the same host (cookies know no ports); and a server that was not set up yet takes its first token from anybody.
//! Browsers say which page asks, in headers that no page can set: `Origin` (RFC 6454), `Sec-Fetch-Site` (Fetch Metadata).

use axum::http::{HeaderMap, HeaderName, header};

use crate::api::error::{ApiError, Code};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Fails if a browser says that a page of another origin asks.
///
/// # Errors
/// Just that.
pub fn check(headers: &HeaderMap, is_https: bool) -> Result<(), ApiError> {
    let text = |name: HeaderName| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let is_own_site = text(FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"));
    let host = text(header::HOST).unwrap_or_default();
    let is_own_origin = text(header::ORIGIN).is_none_or(|origin| is_of(origin, host, is_https));
    if is_own_site && is_own_origin {
        return Ok(());
    }
    let message = "refused: a page of another origin sent this request with a browser's cookie or to set the server up";
    Err(ApiError::new(Code::Forbidden, message))
}

/// Whether an origin (`https://host:port`, or `null`) is that of the host asked. A page that came by HTTPS may have done
/// so through a proxy; one that came by HTTP is none of a server that speaks HTTPS alone.
fn is_of(origin: &str, host: &str, is_https: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let default_port = match scheme {
        "http" if !is_https => ":80",
        "https" => ":443",
        _ => return false,
    };
    let plain = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.strip_suffix(default_port)
            .map_or_else(|| text.clone(), str::to_owned)
    };
    !host.is_empty() && plain(authority) == plain(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_origin_passes() {
        let cases = [
            ("http://127.0.0.1:8086", "127.0.0.1:8086", false, true),
            ("http://127.0.0.1:9999", "127.0.0.1:8086", false, false),
            ("http://127.0.0.1", "127.0.0.1:8086", false, false),
            ("http://localhost:8086", "127.0.0.1:8086", false, false),
            ("http://evil.example", "127.0.0.1:8086", false, false),
            ("null", "127.0.0.1:8086", false, false),
            ("", "", false, false),
            ("http://", "", false, false),
            ("file://", "127.0.0.1:8086", false, false),
            ("https://Metrics.example", "metrics.example", false, true),
            ("https://metrics.example", "metrics.example:443", true, true),
            ("http://metrics.example", "metrics.example", true, false),
            ("http://metrics.example:80", "metrics.example", false, true),
            (
                "http://metrics.example.evil",
                "metrics.example",
                false,
                false,
            ),
            ("http://a@metrics.example", "metrics.example", false, false),
        ];
        for (origin, host, is_https, expected) in cases {
            let passes = is_of(origin, host, is_https);
            assert_eq!(passes, expected, "{origin:?} for {host:?}");
        }
    }

    #[test]
    fn what_a_browser_says_of_the_site_counts_without_an_origin_too() {
        for (site, expected) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(FETCH_SITE, site.parse().expect("a value"));
            assert_eq!(check(&headers, false).is_ok(), expected, "{site}");
        }
        assert!(check(&HeaderMap::new(), false).is_ok(), "no browser");
    }
}
