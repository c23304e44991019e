//! The page to sign in on, and what its form does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;

use super::{Here, page};
use crate::parameters::Parameters;
use crate::sign_in::sessions;
use crate::state::App;
use crate::{ApiError, Result};

/// Longest name and password that are looked at.
const LENGTH_LIMIT: usize = 1024;

pub(crate) async fn show(
    State(app): State<App>,
    here: Here,
    RawQuery(query): RawQuery,
) -> Response {
    let to = Parameters::read(query.as_deref(), &["to"])
        .ok()
        .and_then(|parameters| parameters.one("to").ok().flatten().map(str::to_owned));
    form(
        &app,
        &here,
        StatusCode::OK,
        to.as_deref().unwrap_or("/"),
        None,
    )
}

fn form(app: &App, here: &Here, status: StatusCode, to: &str, mistake: Option<String>) -> Response {
    let own = context! { title => "Sign in", to => local(to), mistake, bare => true };
    match page(app, here, None, "sign_in.html", own) {
        Ok(page) => (status, page).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Only paths of ours are gone to: not `//elsewhere`, not `https://elsewhere`.
fn local(to: &str) -> &str {
    let ours = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\n', '\r']);
    if ours { to } else { "/" }
}

pub(crate) async fn begin(
    State(app): State<App>,
    here: Here,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Bytes,
) -> Response {
    let fields: HashMap<String, String> = form_urlencoded::parse(&body)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let (name, password, to) = (
        field("name").to_owned(),
        field("password").to_owned(),
        field("to").to_owned(),
    );
    match verify(&app, &peer.ip().to_string(), name, password).await {
        Ok(cookie) => {
            let back = format!(".{}", local(&to));
            ([(header::SET_COOKIE, cookie)], Redirect::to(&back)).into_response()
        }
        Err(error) => {
            let mut response = form(&app, &here, error.status(), &to, Some(mistake(&error)));
            if let ApiError::TooManyTries(seconds) = error {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

fn mistake(error: &ApiError) -> String {
    match error {
        ApiError::Unauthorized => "Name or password is wrong.".to_owned(),
        other => other.to_string(),
    }
}

/// The cookie of a new session.
async fn verify(app: &App, address: &str, name: String, password: String) -> Result<String> {
    let Some(users) = app.users.as_ref().map(|file| file.get()) else {
        return Err(ApiError::NotConfigured("http.users_file"));
    };
    if name.len() > LENGTH_LIMIT || password.len() > LENGTH_LIMIT {
        return Err(ApiError::Unauthorized);
    }
    let by_name = format!("name {name}");
    let keys = [address, by_name.as_str()];
    let counted = app.tries.begin(keys, Instant::now());
    counted.map_err(ApiError::TooManyTries)?;
    let internal = |error: String| ApiError::Internal(error);
    let _place = app
        .passwords
        .acquire()
        .await
        .map_err(|error| internal(error.to_string()))?;
    let verified = tokio::task::spawn_blocking(move || {
        let who = users.sign_in(&name, &password)?;
        let stamp = users.stamp(&who.name)?;
        Some((who, stamp))
    });
    match verified
        .await
        .map_err(|error| internal(error.to_string()))?
    {
        Some((who, stamp)) => {
            app.tries.succeed(keys);
            tracing::info!(user = who.name, address, "signed in");
            let length = app.config.http.session_length.get();
            let id = app
                .sessions
                .begin(who, stamp, length)
                .ok_or_else(|| internal("no random numbers".to_owned()))?;
            Ok(app.cookie(&id, length))
        }
        None => {
            tracing::warn!(address, "a sign-in failed");
            Err(ApiError::Unauthorized)
        }
    }
}

/// Ends the session.
pub(crate) async fn end(State(app): State<App>, headers: HeaderMap) -> Response {
    let cookies = headers
        .get(header::COOKIE)
        .and_then(|value| value.to_str().ok());
    if let Some(id) = cookies.and_then(sessions::id_in) {
        app.sessions.end(id);
    }
    let cookie = app.cookie("", std::time::Duration::ZERO);
    ([(header::SET_COOKIE, cookie)], Redirect::to("sign-in")).into_response()
}
