//! Who may do what: roles, sessions, tokens, tries, other sites, and what the server refuses to start with.

use std::time::Instant;

use serde_json::json;
use watchpost_service::config::{Sources, load};
use watchpost_web::config::WebConfig;
use watchpost_web::sign_in::tries::{TRIES, Tries, WAIT};
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
        assert_eq!(answer.headers["location"], "./", "no way to another site");
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
        (303, "../sign-in?to=%2Fhosts%2Fx%3Frange%3D1h")
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

/// Counted before they are looked at: a hundred at once are no more than one after the other.
#[test]
fn tries_at_once_are_counted_too() {
    let Some((fixture, _)) = start() else { return };
    let body = "name=ada&password=wrong&to=%2F";
    let one = || async {
        fixture
            .http
            .post(fixture.url("/sign-in"))
            .body(body)
            .send()
            .await
    };
    let answers = fixture.block_on(futures_util::future::join_all((0..100).map(|_| one())));
    let statuses = answers
        .into_iter()
        .map(|answer| answer.unwrap().status().as_u16());
    let looked_at = statuses.filter(|status| *status == 401).count();
    assert!(looked_at <= 5, "{looked_at} of 100 were looked at");
    assert_eq!(sign_in(&fixture, "ada", "password of ada").0, 429);
}

#[test]
fn what_is_remembered_of_tries_is_bounded_and_forgotten() {
    let (tries, now) = (Tries::default(), Instant::now());
    for _ in 0..TRIES {
        assert_eq!(tries.begin(["a", "name x"], now), Ok(()));
    }
    assert!(tries.begin(["a", "name y"], now).is_err(), "by address");
    assert!(tries.begin(["b", "name x"], now).is_err(), "by name");
    for other in 0..6_000 {
        let (address, name) = (format!("address {other}"), format!("name {other}"));
        assert_eq!(tries.begin([&address, &name], now), Ok(()), "the oldest go");
    }
    assert_eq!(tries.begin(["b", "name z"], now + WAIT), Ok(()));
    tries.succeed(["b", "name z"]);
    for _ in 0..TRIES {
        assert_eq!(tries.begin(["b", "name z"], now + WAIT), Ok(()));
    }
}

/// A changed password, role or a user who went ends sessions, and the streams they opened.
#[test]
fn sessions_end_with_the_entry_they_began_by() {
    let (text, _) = users();
    let mut path = None;
    let started = Fixture::start_with(|config, folder| {
        let file = write_secret(folder, "users.toml", &text);
        path = Some(file.clone());
        config.http.users_file = Some(file);
    });
    let (Some(fixture), Some(path)) = (started, path) else {
        return;
    };
    let cookie = sign_in(&fixture, "ada", "password of ada").1.unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let as_ada = async |path: &str| {
        let request = fixture.http.get(fixture.url(path));
        request.header("cookie", &cookie).send().await
    };
    let status = || fixture.block_on(as_ada("/api/v1/hosts")).unwrap().status();
    let mut stream = fixture.block_on(as_ada("/api/v1/live")).unwrap();
    assert_eq!((status().as_u16(), stream.status().as_u16()), (200, 200));
    let other = hash_password("a new password").unwrap();
    let old = text.split("password_hash = \"").nth(1).unwrap();
    let old = old.split('"').next().unwrap();
    std::fs::write(&path, text.replace(old, &other)).unwrap();
    watchpost_testkit::wait::until("the session ends", || (status() == 401).then_some(()));
    fixture.block_on(async { while stream.chunk().await.unwrap().is_some() {} });
    assert_eq!(sign_in(&fixture, "ada", "a new password").0, 303);
}

/// A proxy that asks by a host of its own, and serves the pages by https below a path.
#[test]
fn a_public_url_is_our_origin_and_the_path_of_the_cookie() {
    let (text, _) = users();
    let started = Fixture::start_with(|config, folder| {
        config.http.users_file = Some(write_secret(folder, "users.toml", &text));
        config.http.public_url = "https://Mon.example.com:443/mon".to_owned();
    });
    let Some(fixture) = started else { return };
    let (_, cookie) = sign_in(&fixture, "ada", "password of ada");
    let cookie = cookie.unwrap();
    assert!(
        cookie.contains("; Path=/mon/;") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let note = |origin: &str| {
        let request = fixture.http.post(fixture.url("/api/v1/annotations"));
        let request = request.header("cookie", &cookie).header("origin", origin);
        fixture.send(request.json(&json!({ "text": "t" }))).status
    };
    assert_eq!(note("https://mon.example.com"), 201);
    for other in [
        "https://mon.example.com:8443",
        "http://mon.example.com",
        "null",
        "https://evil.example",
    ] {
        assert_eq!(note(other), 403, "{other}");
    }
    let asked = fixture
        .http
        .get(fixture.url("/health"))
        .header("host", "mon.example.com");
    assert_eq!(fixture.send(asked).status, 200);
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
    // Each try to sign in would take 4 TiB.
    let costly = "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    let costly =
        format!("[[users]]\nname = \"a\"\nrole = \"viewer\"\npassword_hash = \"{costly}\"");
    assert!(refused(&costly).contains("1 GiB"));
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

/// What a user chose is theirs, in every browser; a viewer may choose, too.
#[test]
fn preferences_are_kept_by_user() {
    let Some((fixture, _)) = start() else { return };
    let cookie = |name: &str| {
        let (_, cookie) = sign_in(&fixture, name, &format!("password of {name}"));
        cookie.unwrap().split(';').next().unwrap().to_owned()
    };
    let (ada, bob) = (cookie("ada"), cookie("bob"));
    let address = fixture.url("/api/v1/preferences");
    let read = |cookie: &str| fixture.send(fixture.http.get(&address).header("cookie", cookie));
    let keep = |cookie: &str, body: serde_json::Value| {
        fixture.send(
            fixture
                .http
                .post(&address)
                .header("cookie", cookie)
                .json(&body),
        )
    };
    let none = json!({ "theme": "", "density": "", "zone": "" });
    assert_eq!(read(&bob).json(), none);
    let chosen = json!({ "theme": "dark", "density": "compact", "zone": "Europe/Berlin" });
    let kept = keep(&bob, chosen.clone());
    assert_eq!(kept.status, 200, "{}", kept.body);
    watchpost_testkit::wait::until("what bob chose", || {
        (read(&bob).json() == chosen).then_some(())
    });
    assert_eq!(read(&ada).json(), none);
    for (body, field) in [
        (json!({ "theme": "pink" }), "theme"),
        (json!({ "zone": "Mars <b>" }), "zone"),
        (json!({ "density": "airy" }), "density"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        let refused = keep(&bob, body);
        assert_eq!(
            (refused.status, &refused.json()["error"]["field"]),
            (400, &field.into()),
            "{}",
            refused.body
        );
    }
    assert_eq!(fixture.get("/api/v1/preferences").status, 401);
}
