//! The receivers' names, for those who choose one.

use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::Answer;
use crate::api::Server;

pub(in crate::api) async fn list(State(server): State<Server>) -> Answer {
    let file = server.desk.ask(|_, file, _| file.clone()).await?;
    let names = file.content.receivers.keys();
    let names = names.map(|name| json!({ "name": name }));
    Ok(Json(names.collect()))
}
