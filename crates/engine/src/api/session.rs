//! Signing in with user and password, and out again.

use std::time::Duration;

use axum::http::{HeaderValue, header};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::auth::authenticate::{basic, session_key};
use crate::auth::session::{COOKIE, LIFETIME};

/// How long a refused sign-in takes at least, so that passwords cannot be tried quickly over one connection.
const REFUSAL: Duration = Duration::from_millis(200);

/// `POST /api/v2/signin`.
pub fn sign_in(call: &Call) -> Reply {
    let credentials = call.header(&header::AUTHORIZATION).and_then(basic);
    let (name, password) = credentials.ok_or_else(ApiError::unauthorized)?;
    let user = call.app.meta.read().user_by_name(&name).cloned();
    let user = user.filter(|user| {
        user.active
            && user
                .password
                .as_ref()
                .is_some_and(|hash| hash.matches(&password))
    });
    let Some(user) = user else {
        std::thread::sleep(REFUSAL);
        return Err(ApiError::unauthorized());
    };
    let key = call.app.sessions.open(user.id, call.now());
    let expires = http_date(call.now() + LIFETIME);
    let cookie =
        format!("{COOKIE}={key}; Path=/api/; Expires={expires}; HttpOnly; SameSite=Strict");
    let cookie = HeaderValue::from_str(&cookie).map_err(ApiError::internal)?;
    Ok(Answer::no_content().with(header::SET_COOKIE, cookie))
}

/// `POST /api/v2/signout`.
pub fn sign_out(call: &Call) -> Reply {
    let key = call
        .header(&header::COOKIE)
        .and_then(session_key)
        .ok_or_else(ApiError::unauthorized)?;
    call.app.sessions.close(&key);
    Ok(Answer::no_content())
}

/// A time as cookies have it (RFC 9110, 5.6.7).
fn http_date(nanoseconds: i64) -> String {
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(0);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds))
}
