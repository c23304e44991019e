//! Notes, boards and preferences of the page, where the server does not keep them.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Server;
use super::access::MayChange;
use super::error::ApiError;
use super::extract::{Body, Parameters};
use crate::store::documents::{DocumentError, Documents};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

pub(super) async fn list(
    State(server): State<Server>,
    Path(collection): Path<String>,
    Parameters(names): Parameters<Names>,
) -> Result<Json<Value>, ApiError> {
    let list = move |documents: &Documents| documents.list(&collection, &names.from, &names.to);
    let found = of_file(&server, list).await?;
    let view = |(name, document): (String, Value)| json!({ "name": name, "document": document });
    let documents: Vec<Value> = found.into_iter().map(view).collect();
    Ok(Json(json!({ "documents": documents })))
}

pub(super) async fn keep(
    _: MayChange,
    State(server): State<Server>,
    Path((collection, name)): Path<(String, String)>,
    Body(document): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let kept = name.clone();
    let put = move |documents: &Documents| documents.put(&collection, &name, &document);
    of_file(&server, put).await?;
    Ok(Json(json!({ "kept": kept })))
}

pub(super) async fn remove(
    _: MayChange,
    State(server): State<Server>,
    Path((collection, name)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let wanted = name.clone();
    let remove = move |documents: &Documents| documents.remove(&collection, &wanted);
    match of_file(&server, remove).await? {
        true => Ok(Json(json!({ "removed": name }))),
        false => Err(ApiError::NotFound(format!("document {name:?}"))),
    }
}

/// Reads or writes the file, which may wait for the disk.
async fn of_file<T: Send + 'static>(
    server: &Server,
    work: impl FnOnce(&Documents) -> Result<T, DocumentError> + Send + 'static,
) -> Result<T, ApiError> {
    let documents = server.documents.clone();
    let documents = documents.ok_or_else(|| {
        ApiError::Full("the file of the documents cannot be opened; the log says why".to_owned())
    })?;
    let done = tokio::task::spawn_blocking(move || work(&documents)).await;
    Ok(done.map_err(|error| ApiError::Database(error.to_string()))??)
}
