//! Signing in with user and password, and out again.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::auth::authenticate::{basic, session_key};
use crate::auth::checks::Attempt;
use crate::auth::session::{COOKIE, LIFETIME};
use crate::meta::User;

/// How proxies say by which scheme they were asked.
const FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The user whose name and password a request brought; none if they are not right. Takes as long for a user that is not
/// there.
///
/// # Errors
/// Too many were tried.
pub async fn check(call: &Call) -> Result<Option<User>, ApiError> {
    let credentials = call.header(&header::AUTHORIZATION).and_then(basic);
    let Some((name, password)) = credentials else {
        return Ok(None);
    };
    let user = call.app.meta.read().user_by_name(&name).cloned();
    let user = user.filter(|user| user.active);
    let attempt = Attempt {
        name: &name,
        password: &password,
        from: call.peer,
        now: call.now(),
    };
    let hash = user.as_ref().and_then(|user| user.password.clone());
    let matches = call.app.passwords.check(attempt, hash).await?;
    Ok(user.filter(|_| matches))
}

/// `POST /api/v2/signin`.
pub fn sign_in(call: &Call) -> Reply {
    let user = call.signed_in.as_ref().ok_or_else(ApiError::unauthorized)?;
    let key = call.app.sessions.open(user.id, call.now());
    // What changed while the password was checked ended the sessions that were there; this one would have stayed.
    let is_same = call.app.meta.read().users.get(&user.id) == Some(user);
    if !is_same {
        call.app.sessions.close(&key);
        return Err(ApiError::unauthorized());
    }
    let expires = http_date(call.now() + LIFETIME);
    let secure = match is_by_https(call) {
        true => "; Secure",
        false => "",
    };
    let cookie =
        format!("{COOKIE}={key}; Path=/api/; Expires={expires}; HttpOnly; SameSite=Strict{secure}");
    let cookie = HeaderValue::from_str(&cookie).map_err(ApiError::internal)?;
    Ok(Answer::no_content().with(header::SET_COOKIE, cookie))
}

/// Whether the browser speaks HTTPS: with this server, or with a proxy before it. (One that lies about it gets a cookie
/// that it does not send.)
fn is_by_https(call: &Call) -> bool {
    let forwarded = call.header(&FORWARDED_SCHEME);
    call.app.is_https || forwarded.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
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
