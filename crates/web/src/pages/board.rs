//! Boards of one's own: their list, and one with its charts.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;

use super::{Here, page, shown};
use crate::board;
use crate::parameters::Parameters;
use crate::sign_in::Who;
use crate::state::App;
use crate::{ApiError, Result};

/// The list, or the board that the query names where its name does not fit into a path.
pub(super) async fn list(
    who: Who,
    here: Here,
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Response {
    let rendered = match name(query.as_deref()) {
        Ok(Some(name)) => one(&app, &here, &who, &name, query.as_deref()).await,
        Ok(None) => all(&app, &here, &who).await,
        Err(error) => Err(error),
    };
    shown(app, here, who, rendered)
}

pub(super) async fn show(
    who: Who,
    here: Here,
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let rendered = one(&app, &here, &who, &name, query.as_deref()).await;
    shown(app, here, who, rendered)
}

const KNOWN: [&str; 7] = ["name", "range", "start", "stop", "zone", "at", "wall"];

fn name(query: Option<&str>) -> Result<Option<String>> {
    Ok(Parameters::read(query, &KNOWN)?
        .one("name")?
        .map(str::to_owned))
}

async fn all(app: &App, here: &Here, who: &Who) -> Result<Response> {
    let (boards, problem) = match board::list(&app.annotations, &app.database, None).await {
        Ok(boards) => (boards, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let own = context! { title => "Boards", active => "boards", boards => Serde(boards), problem };
    page(app, here, Some(who), "boards.html", own)
}

async fn one(
    app: &App,
    here: &Here,
    who: &Who,
    name: &str,
    query: Option<&str>,
) -> Result<Response> {
    let parameters = Parameters::read(query, &KNOWN)?;
    let mut found = board::list(&app.annotations, &app.database, Some(name)).await?;
    let kept = found
        .pop()
        .ok_or_else(|| ApiError::NotFound(format!("board {name:?}; /boards lists them")))?;
    let range = parameters
        .one("range")?
        .unwrap_or(&kept.board.range)
        .to_owned();
    crate::time_range::length("range", &range)?;
    let own = context! {
        title => name, active => "boards", name, range, ranges => super::host::RANGES.to_vec(),
        changed => kept.changed, author => kept.author,
        document => serde_json::to_string(&kept.board).unwrap_or_default(),
        panels => Serde(&kept.board.panels),
        start => parameters.one("start")?, stop => parameters.one("stop")?,
        wall => parameters.one("wall")?.is_some(),
    };
    page(app, here, Some(who), "board.html", own)
}
