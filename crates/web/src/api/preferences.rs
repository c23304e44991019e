//! What a user chose for themselves: read and kept by users who are signed in, viewers too.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

use crate::preferences::{self, Preferences};
use crate::sign_in::Who;
use crate::state::App;
use crate::{ApiError, Result};

pub(super) async fn show(who: Who, State(app): State<App>) -> Result<Json<Preferences>> {
    let user = signed_in(&who)?;
    let chosen = preferences::read(&app.annotations, &app.database, user).await?;
    Ok(Json(chosen))
}

pub(super) async fn keep(
    who: Who,
    State(app): State<App>,
    bytes: Bytes,
) -> Result<Json<Preferences>> {
    let user = signed_in(&who)?;
    let chosen: Preferences = super::alerts::body(&bytes)?;
    chosen.check()?;
    preferences::keep(&app.annotations, user, &chosen).await?;
    Ok(Json(chosen))
}

fn signed_in(who: &Who) -> Result<&str> {
    match who.signed_in {
        true => Ok(&who.name),
        false => Err(ApiError::Forbidden(
            "preferences are kept for users who sign in".to_owned(),
        )),
    }
}
