//! The names a server answers to.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use watchpost_service::hosts::KnownHosts;

fn known(listen: &str, names: &[&str], has_login: bool) -> KnownHosts {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    KnownHosts::new(listen.parse().unwrap(), &names, "allowed_hosts", has_login)
}

fn answers(known: &KnownHosts, headers: &[(&'static str, &str)]) -> bool {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            (HeaderName::from_static(name), value)
        })
        .collect();
    known.check(&Uri::from_static("/health"), &headers).is_ok()
}

#[test]
fn on_loopback_other_names_are_refused() {
    let local = known("127.0.0.1", &[], true);
    for host in [
        "127.0.0.1:8086",
        "localhost",
        "LOCALHOST:1",
        "[::1]:8086",
        "[::1]",
        "192.0.2.7:80",
        "engine:8086",
        "app.localhost:8086",
        "localhost.",
    ] {
        assert!(answers(&local, &[("host", host)]), "{host}");
    }
    assert!(answers(&local, &[]), "HTTP/1.0 has no Host");
    for host in [
        "evil.example",
        "evil.example:8086",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.local",
        "a@evil.example",
        "127.0.0.1:80:evil.example",
        "evil.example.",
        "\u{e9}.example",
    ] {
        assert!(!answers(&local, &[("host", host)]), "{host}");
    }
    let target = Uri::from_static("http://evil.example/health");
    assert!(local.check(&target, &HeaderMap::new()).is_err());
}

#[test]
fn listed_names_are_answered_and_make_others_unknown() {
    let listed = known("0.0.0.0", &["Mon.example.com", ".site.example"], false);
    for host in [
        "mon.example.com:443",
        "a.site.example",
        "site.example",
        "10.0.0.1",
    ] {
        assert!(answers(&listed, &[("host", host)]), "{host}");
    }
    for host in ["example.com", "xmon.example.com", "othersite.example"] {
        assert!(!answers(&listed, &[("host", host)]), "{host}");
    }
    let by_url = known("127.0.0.1", &[], false).and_of_url("https://mon.example.com:8443/mon/");
    assert!(answers(&by_url, &[("host", "mon.example.com")]));
}

#[test]
fn on_the_network_only_browsers_are_asked_and_only_without_a_login() {
    let open = known("0.0.0.0", &[], false);
    assert!(answers(
        &open,
        &[("host", "mon.example.com"), ("user-agent", "curl/8")]
    ));
    for mark in [
        ("origin", "http://mon.example.com"),
        ("user-agent", "Mozilla/5.0"),
        ("accept-language", "en"),
        ("sec-fetch-site", "same-origin"),
        ("cookie", "a=b"),
        ("referer", "http://mon.example.com/"),
    ] {
        assert!(
            !answers(&open, &[("host", "mon.example.com"), mark]),
            "{mark:?}"
        );
        assert!(answers(&open, &[("host", "mon.lan"), mark]), "{mark:?}");
        assert!(answers(&open, &[("host", "mon"), mark]), "{mark:?}");
    }
    let closed = known("0.0.0.0", &[], true);
    assert!(answers(
        &closed,
        &[("host", "mon.example.com"), ("cookie", "a=b")]
    ));
}
