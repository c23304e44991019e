//! The connection: what is sent along, a token that rotates, errors of every origin.

use std::time::Duration;

use watchpost_client::{Client, ClientConfig, Error, TokenSource};

use crate::scripted::{Answer, Scripted};

const HEALTHY: &str = r#"{"name":"influxdb","status":"pass","message":"ready","version":"2.7.12"}"#;

#[tokio::test]
async fn a_request_names_its_client_and_its_token() {
    let server = Scripted::start(vec![Answer::json(HEALTHY)]).await;
    let config = ClientConfig {
        user_agent: "watchpost-test/1".into(),
        ..server.config()
    };
    Client::new(config).unwrap().health().await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.line, "GET /health");
    assert_eq!(request.headers["authorization"], "Token t0ken");
    assert_eq!(request.headers["user-agent"], "watchpost-test/1");
    assert!(request.headers["accept-encoding"].contains("gzip"));
}

#[tokio::test]
async fn a_path_in_the_url_is_kept() {
    let server = Scripted::start(vec![Answer::json(HEALTHY)]).await;
    let url = format!("{}/influx/prefix", server.url);
    Client::new(ClientConfig {
        url,
        ..server.config()
    })
    .unwrap()
    .health()
    .await
    .unwrap();
    assert_eq!(server.requests()[0].line, "GET /influx/prefix/health");
}

#[tokio::test]
async fn a_rotated_token_is_taken_after_a_401() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("token");
    std::fs::write(&path, "old\n").unwrap();
    let answers = vec![
        Answer::json(HEALTHY),
        Answer::status(401),
        Answer::json(HEALTHY),
    ];
    let server = Scripted::start(answers).await;
    let config = ClientConfig {
        token: TokenSource::file(&path),
        ..server.config()
    };
    let client = Client::new(config).unwrap();
    client.health().await.unwrap();
    // Replaced within the same tick of the clock, as far as the file's time tells.
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, "new\n").unwrap();
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    client.health().await.unwrap();
    let tokens: Vec<_> = server
        .requests()
        .iter()
        .map(|r| r.headers["authorization"].clone())
        .collect();
    assert_eq!(tokens, ["Token old", "Token old", "Token new"]);
}

#[tokio::test]
async fn a_token_that_did_not_change_is_not_tried_twice() {
    let body = r#"{"code":"unauthorized","message":"unauthorized access"}"#;
    let refusal = Answer::Full(401, String::new(), body.into());
    let server = Scripted::start(vec![refusal]).await;
    let error = server.client().me().await.unwrap_err();
    assert_eq!(error.to_string(), "unauthorized access (401 unauthorized)");
}

#[tokio::test]
async fn a_token_file_that_is_missing_or_empty_is_named() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("token");
    let client = Client::new(ClientConfig {
        token: TokenSource::file(&path),
        ..ClientConfig::default()
    });
    let error = client.as_ref().unwrap().me().await.unwrap_err();
    assert!(
        matches!(error, Error::Token(_)) && error.to_string().contains("/token: "),
        "{error}"
    );
    std::fs::write(&path, " \n").unwrap();
    let error = client.unwrap().me().await.unwrap_err();
    assert!(error.to_string().ends_with("/token: is empty"), "{error}");
}

#[tokio::test]
async fn errors_are_read_whoever_sent_them() {
    let message = async |answer: Answer| {
        let server = Scripted::start(vec![answer]).await;
        server.client().me().await.unwrap_err().to_string()
    };
    let full =
        |status, headers: &str, body: &str| Answer::Full(status, headers.into(), body.into());
    let version_2 = full(404, "", r#"{"code":"not found","message":"no such user"}"#);
    assert_eq!(message(version_2).await, "no such user (404 not found)");
    let version_1 = full(
        400,
        "x-platform-error-code: invalid\r\n",
        r#"{"error":"bad"}"#,
    );
    assert_eq!(message(version_1).await, "bad (400 invalid)");
    let proxy = full(502, "", "<h1>Bad Gateway</h1>\n");
    assert_eq!(
        message(proxy).await,
        "<h1>Bad Gateway</h1> (502 bad gateway)"
    );
    assert_eq!(
        message(full(403, "", "")).await,
        "Forbidden (403 forbidden)"
    );
    assert!(
        message(Answer::json("[]"))
            .await
            .starts_with("unexpected answer: api/v2/me: ")
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Answer::Full(
        302,
        "location: http://other.example/\r\n".into(),
        String::new(),
    );
    let server = Scripted::start(vec![elsewhere]).await;
    assert_eq!(server.client().me().await.unwrap_err().status(), Some(302));
}

#[tokio::test]
async fn no_server_is_a_transient_error_that_names_it() {
    let server = Scripted::start(vec![Answer::Closed]).await;
    let error = server.client().me().await.unwrap_err();
    assert!(
        error.is_transient() && error.to_string().starts_with(&server.url),
        "{error}"
    );
    let error = server.client().me().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn an_answer_has_a_limit() {
    let server = Scripted::start(vec![Answer::json(&"x".repeat(2000))]).await;
    let client = Client::new(ClientConfig {
        answer_limit: 1000,
        ..server.config()
    })
    .unwrap();
    assert!(matches!(
        client.me().await,
        Err(Error::TooLarge {
            limit: 1000,
            unit: "bytes"
        })
    ));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_left() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = ClientConfig {
        url,
        timeout: Duration::from_millis(50),
        ..ClientConfig::default()
    };
    let error = Client::new(config).unwrap().me().await.unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("timed out"),
        "{error}"
    );
}

#[test]
fn what_is_no_server_is_refused() {
    let refusal = |url: &str| {
        let config = ClientConfig {
            url: url.into(),
            ..ClientConfig::default()
        };
        Client::new(config).unwrap_err().to_string()
    };
    assert_eq!(
        refusal("influx:8086"),
        "\"influx:8086\" is not a server's URL: it starts with http:// or https://"
    );
    assert!(refusal("").contains("is not a server's URL"));
    assert!(refusal("http://me:secret@host").starts_with("a server's URL holds no user"));
}

#[test]
fn a_ca_file_is_read_for_https_and_only_then() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, "no certificate").unwrap();
    let config = |url: &str| ClientConfig {
        url: url.into(),
        ca_file: Some(path.clone()),
        ..ClientConfig::default()
    };
    let error = Client::new(config("https://host")).unwrap_err().to_string();
    assert!(
        error.contains("ca.pem") && error.contains("no certificate"),
        "{error}"
    );
    assert!(Client::new(config("http://host")).is_ok());
}

#[test]
fn no_debug_form_holds_the_token() {
    let config = ClientConfig::new("http://a", "o", TokenSource::fixed("hunter2"));
    let client = Client::new(config.clone()).unwrap();
    assert!(!format!("{config:?} {client:?}").contains("hunter2"));
}
