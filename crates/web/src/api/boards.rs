//! Boards: listed, read, kept, removed.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::board::{self, Board};
use crate::sign_in::Operator;
use crate::state::App;
use crate::{ApiError, Result};

pub(super) async fn list(State(app): State<App>) -> Result<Json<Value>> {
    let boards = board::list(&app.annotations, &app.database, None).await?;
    Ok(Json(json!({ "boards": boards })))
}

pub(super) async fn show(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>> {
    let boards = board::list(&app.annotations, &app.database, Some(&name)).await?;
    let found = boards
        .first()
        .ok_or_else(|| ApiError::NotFound(format!("board {name:?}")))?;
    Ok(Json(json!(found)))
}

pub(super) async fn keep(
    Operator(who): Operator,
    State(app): State<App>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let board: Board = super::alerts::body(&bytes)?;
    board.check()?;
    board::keep(&app.annotations, &name, Some(&board), &who.name).await?;
    Ok(Json(json!({ "name": name })))
}

pub(super) async fn remove(
    Operator(who): Operator,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Value>> {
    board::keep(&app.annotations, &name, None, &who.name).await?;
    Ok(Json(json!({ "removed": name })))
}
