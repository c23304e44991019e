//! Who may do what: roles, sessions, tokens, tries, other sites, and what the server refuses to start with.

use serde_json::json;
use watchpost_service::config::{Sources, load};
use watchpost_web::config::WebConfig;
use watchpost_web::sign_in::users::{Users, hash_password, new_token};

use crate::fixture::{Fixture, write_secret};

/// A users file with an operator, a viewer and a viewer's token; and that token.
fn users() -> (String, String) {
    let entry = new_token().unwrap();
    let token = entry
        .lines()
        .nth(1)
        .unwrap()
        .trim_start_matches("# ")
        .to_owned();
    let user = |name: &str, role: &str| {
        let hash = hash_password(&format!("password of {name}")).unwrap();
        format!("[[users]]\nname = \"{name}\"\nrole = \"{role}\"\npassword_hash = \"{hash}\"\n")
    };
    (
        format!(
            "{}{}{entry}",
            user("ada", "operator"),
            user("bob", "viewer")
        ),
        token,
    )
}

fn start() -> Option<(Fixture, String)> {
    let (text, token) = users();
    let fixture = Fixture::start_with(|config, folder| {
        config.http.users_file = Some(write_secret(folder, "users.toml", &text));
    })?;
    Some((fixture, token))
}

fn sign_in(fixture: &Fixture, name: &str, password: &str) -> (u16, Option<String>) {
    let body = format!("name={name}&password={password}&to=%2F%2Fevil.example");
    let answer = fixture.send(fixture.http.post(fixture.url("/sign-in")).body(body));
    if answer.status == 303 {
        assert_eq!(answer.headers["location"], "/", "no way to another site");
    }
    let cookie = answer
        .headers
        .get("set-cookie")
        .map(|cookie| cookie.to_str().unwrap().to_owned());
    (answer.status, cookie)
}

#[test]
fn users_tokens_and_roles() {
    let Some((fixture, token)) = start() else {
        return;
    };
    assert_eq!(fixture.get("/api/v1/hosts").status, 401);
    assert_eq!(fixture.get("/metrics").status, 401);
    let page = fixture.get("/hosts/x?range=1h");
    assert_eq!(
        (page.status, page.headers["location"].to_str().unwrap()),
        (303, "/sign-in?to=%2Fhosts%2Fx%3Frange%3D1h")
    );
    assert_eq!(fixture.get("/health").status, 200);

    let (status, cookie) = sign_in(&fixture, "ada", "password of ada");
    let cookie = cookie.unwrap();
    assert_eq!(status, 303);
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let note = |headers: &[(&str, &str)]| {
        let mut request = fixture
            .http
            .post(fixture.url("/api/v1/annotations"))
            .json(&json!({ "text": "t" }));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        fixture.send(request)
    };
    let made = note(&[("cookie", &cookie)]);
    assert_eq!(
        (made.status, made.json()["author"].clone()),
        (201, json!("ada"))
    );
    assert_eq!(
        note(&[("cookie", &cookie), ("origin", "https://evil.example")]).json()["error"]["code"],
        "cross_site"
    );
    assert_eq!(
        note(&[("cookie", &cookie), ("sec-fetch-site", "cross-site")]).status,
        403
    );
    let bearer = format!("Bearer {token}");
    assert_eq!(
        note(&[("authorization", &bearer)]).json()["error"]["code"],
        "forbidden"
    );
    let read = fixture
        .http
        .get(fixture.url("/api/v1/hosts"))
        .header("authorization", &bearer);
    assert_eq!(fixture.send(read).status, 200);

    fixture.send(
        fixture
            .http
            .post(fixture.url("/sign-out"))
            .header("cookie", &cookie),
    );
    assert_eq!(
        note(&[("cookie", &cookie)]).status,
        401,
        "the session has ended"
    );
}

#[test]
fn tries_are_counted() {
    let Some((fixture, _)) = start() else { return };
    for _ in 0..5 {
        assert_eq!(sign_in(&fixture, "ada", "wrong").0, 401);
    }
    assert_eq!(
        sign_in(&fixture, "ada", "password of ada").0,
        429,
        "also the right password has to wait"
    );
}

#[test]
fn without_users_only_our_own_names_are_answered() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let other = fixture
        .http
        .get(fixture.url("/api/v1/hosts"))
        .header("host", "rebound.example:5000");
    assert_eq!(fixture.send(other).json()["error"]["code"], "cross_site");
}

#[test]
fn an_open_port_wants_users_or_a_word() {
    let problems = |pairs: &[(&str, &str)]| {
        let mut sources = Sources::default();
        for (key, value) in pairs {
            sources.set(key, (*value).to_owned(), "test");
        }
        match load::<WebConfig>(&sources) {
            Ok(_) => String::new(),
            Err(error) => error.problems.iter().map(ToString::to_string).collect(),
        }
    };
    assert!(problems(&[("http.listen", "0.0.0.0:5000")]).contains("http.users_file"));
    assert_eq!(
        problems(&[
            ("http.listen", "0.0.0.0:5000"),
            ("http.allow_anonymous", "true")
        ]),
        ""
    );
    assert!(problems(&[("http.tls_key_file", "/nowhere")]).contains("needs both"));
    assert!(problems(&[("http.users_file", "/nowhere")]).contains("/nowhere"));
}

#[test]
fn a_users_file_with_a_mistake_says_which() {
    let refused = |text: &str| Users::parse(text).unwrap_err();
    assert_eq!(refused(""), "names no user and no token");
    assert!(
        refused("[[users]]\nname = \"a\"\nrole = \"viewer\"\npassword_hash = \"secret\"")
            .contains("hash-password")
    );
    assert!(
        refused("[[tokens]]\nname = \"a\"\nrole = \"viewer\"\ntoken_hash = \"secret\"")
            .contains("new-token")
    );
    assert!(
        refused("[[users]]\nname = \"a\"\nrole = \"root\"\npassword_hash = \"x\"").contains("root")
    );
}

#[test]
fn a_changed_users_file_is_read_again() {
    let (text, token) = users();
    let mut path = None;
    let started = Fixture::start_with(|config, folder| {
        let file = write_secret(folder, "users.toml", &text);
        path = Some(file.clone());
        config.http.users_file = Some(file);
    });
    let (Some(fixture), Some(path)) = (started, path) else {
        return;
    };
    let read = || {
        let bearer = format!("Bearer {token}");
        let request = fixture.http.get(fixture.url("/api/v1/hosts"));
        fixture.send(request.header("authorization", bearer)).status
    };
    let cookie = sign_in(&fixture, "ada", "password of ada").1.unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let as_ada = || {
        let request = fixture.http.get(fixture.url("/api/v1/hosts"));
        fixture.send(request.header("cookie", &cookie)).status
    };
    assert_eq!((read(), as_ada()), (200, 200));
    let hash = hash_password("other").unwrap();
    let other =
        format!("[[users]]\nname = \"eve\"\nrole = \"viewer\"\npassword_hash = \"{hash}\"\n");
    std::fs::write(&path, other).unwrap();
    watchpost_testkit::wait::until("the token is out", || (read() == 401).then_some(()));
    assert_eq!(as_ada(), 401, "her session ends with her entry");
    assert_eq!(sign_in(&fixture, "eve", "other").0, 303);
    std::fs::write(&path, "[[users]]\nname = 1").unwrap();
    assert_eq!(
        sign_in(&fixture, "eve", "other").0,
        303,
        "a broken file changes nothing"
    );
}

#[test]
fn every_answer_has_the_security_headers() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for path in [
        "/",
        "/api/v1/hosts",
        "/assets/page.js",
        "/nothing",
        "/api/v1/nothing",
        "/health",
    ] {
        let headers = fixture.get(path).headers;
        let is = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(is("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(is("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(is("referrer-policy"), Some("same-origin"), "{path}");
        assert_eq!(
            is("cross-origin-opener-policy"),
            Some("same-origin"),
            "{path}"
        );
        assert_eq!(
            is("cross-origin-resource-policy"),
            Some("same-origin"),
            "{path}"
        );
        let policy = is("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
    }
}
