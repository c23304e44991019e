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
