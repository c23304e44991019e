//! The pages, rendered here and readable as they are; scripts then make them live.

mod alerts;
mod board;
mod compare;
pub(crate) mod fleet;
mod history;
mod host;
mod incident;
mod number;
mod rule;
pub(crate) mod sign_in;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use minijinja::{Environment, Value, context};
use watchpost_core::catalogue::{Kind, METRICS, Metric};
use watchpost_core::time::NANOS_PER_SECOND;

use crate::parameters::Parameters;
use crate::sign_in::Who;
use crate::state::App;
use crate::{ApiError, Result, address};

macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("../../templates/", $name)))
    };
}

const TEMPLATES: [(&str, &str); 13] = [
    template!("base.html"),
    template!("controls.html"),
    template!("fleet.html"),
    template!("host.html"),
    template!("incident.html"),
    template!("board.html"),
    template!("boards.html"),
    template!("compare.html"),
    template!("history.html"),
    template!("alerts.html"),
    template!("rule.html"),
    template!("sign_in.html"),
    template!("error.html"),
];

/// The templates; every value is escaped for HTML.
#[derive(Clone)]
pub(crate) enum Templates {
    /// Those in the binary, parsed once.
    BuiltIn(Arc<Environment<'static>>),
    /// Those of `http.pages_folder`, parsed for each page.
    Folder(PathBuf),
}

impl Templates {
    /// Errors: a template is wrong.
    pub(crate) fn new(folder: Option<&Path>) -> Result<Templates> {
        Ok(match folder {
            Some(folder) => Templates::Folder(folder.join("templates")),
            None => Templates::BuiltIn(Arc::new(Self::environment(None)?)),
        })
    }

    fn render(&self, name: &str, values: Value) -> Result<String> {
        let read;
        let environment = match self {
            Templates::BuiltIn(environment) => environment.as_ref(),
            Templates::Folder(folder) => {
                read = Self::environment(Some(folder))?;
                &read
            }
        };
        let template = environment.get_template(name).map_err(failed)?;
        template.render(values).map_err(failed)
    }

    fn environment(folder: Option<&Path>) -> Result<Environment<'static>> {
        let mut environment = Environment::new();
        environment.add_function("address", |collection: &str, name: &str| {
            address::of(collection, name)
        });
        environment.add_function("query", |path: &str, name: &str, value: &str| {
            address::with_query(&[path], &[(name, value)])
        });
        environment.add_filter("value", number::value);
        environment.add_filter("age", number::age);
        environment.add_filter("moment", number::moment);
        for (name, text) in TEMPLATES {
            let added = match folder {
                None => environment.add_template(name, text),
                Some(folder) => {
                    let text = std::fs::read_to_string(folder.join(name))
                        .map_err(|error| ApiError::Internal(format!("{name}: {error}")))?;
                    environment.add_template_owned(name, text)
                }
            };
            added.map_err(failed)?;
        }
        Ok(environment)
    }
}

fn failed(error: minijinja::Error) -> ApiError {
    ApiError::Internal(format!("template: {error:#}"))
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(fleet::show))
        .route("/hosts", get(host::show_named))
        .route("/hosts/{host}", get(host::show))
        .route("/compare", get(compare::show))
        .route("/history", get(history::show))
        .route("/boards", get(board::list))
        .route("/boards/{name}", get(board::show))
        .route("/alerts", get(alerts::show))
        .route("/alerts/{fingerprint}", get(incident::show))
        .route("/rules", get(rule::show_named))
        .route("/rules/{name}", get(rule::show))
}

/// The address that a page was asked for by, below which its links are relative.
pub(crate) struct Here(Uri);

impl<S: Send + Sync> FromRequestParts<S> for Here {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> std::result::Result<Here, Self::Rejection> {
        Ok(Here(parts.uri.clone()))
    }
}

/// Renders a page with what every page needs beside its own.
fn page(app: &App, here: &Here, who: Option<&Who>, name: &str, own: Value) -> Result<Response> {
    Ok(Html(text(app, here, who, name, own)?).into_response())
}

fn text(app: &App, here: &Here, who: Option<&Who>, name: &str, own: Value) -> Result<String> {
    let problem = app.live.problem();
    let all = context! {
        // Made of dots and slashes: nothing in it is to be escaped.
        base => Value::from_safe_string(address::base(here.0.path())),
        database_problem => problem.as_ref().map(|problem| problem.message.as_str()),
        silent => problem.as_ref().map(|problem| (crate::now() - problem.answered).max(0) / NANOS_PER_SECOND),
        who => who.map(|who| context! { name => who.name.as_str(), signed_in => who.signed_in, role => who.role.name() }),
        may_silence => who.is_some_and(Who::may_change) && app.alerter.may_change(),
        may_annotate => who.is_some_and(Who::may_change) && app.annotations.may_change(),
        has_alerter => app.alerter.is_configured(),
        ages => context! { late => app.config.live.late_after.get().as_secs_f64(), offline => app.config.live.offline_after.get().as_secs_f64() },
        levels => app.live.alerts().levels().document().to_string(),
        version => env!("CARGO_PKG_VERSION"),
        ..own
    };
    app.templates.render(name, all)
}

/// A page that could not be made: an error page for people.
struct Failure(App, Here, Option<Who>, ApiError);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Failure(app, here, who, error) = self;
        let status = error.status();
        let own =
            context! { title => "Error", message => error.to_string(), status => status.as_u16() };
        match page(&app, &here, who.as_ref(), "error.html", own) {
            Ok(page) => (status, page).into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// The metrics to choose from, with their units and what they are.
fn metrics() -> Vec<Value> {
    let metric = |metric: &'static Metric| {
        let unit = match metric.kind {
            Kind::Gauge => metric.unit.name().to_owned(),
            Kind::Counter => format!("{}/s", metric.unit.name()),
        };
        context! { name => metric.name, unit, help => metric.help }
    };
    METRICS.iter().map(metric).collect()
}

/// The name that a query asks for.
fn named(query: Option<&str>) -> Result<String> {
    let known = ["name", "range", "start", "stop", "zone"];
    let parameters = Parameters::read(query, &known)?;
    parameters.required("name").map(str::to_owned)
}

/// The page, or the error page.
fn shown(app: App, here: Here, who: Who, page: Result<Response>) -> Response {
    page.unwrap_or_else(|error| Failure(app, here, Some(who), error).into_response())
}

/// Paths that nothing answers to.
pub(crate) async fn not_found(State(app): State<App>, who: Option<Who>, here: Here) -> Response {
    let error = ApiError::NotFound(format!("page {}", here.0.path()));
    let mut response = Failure(app, here, who, error).into_response();
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

impl<S: Send + Sync> axum::extract::OptionalFromRequestParts<S> for Who {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> std::result::Result<Option<Who>, Self::Rejection> {
        Ok(parts.extensions.get::<Who>().cloned())
    }
}
