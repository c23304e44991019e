//! The pages, rendered here and readable as they are; scripts then make them live.

mod alerts;
mod compare;
pub(crate) mod fleet;
mod history;
mod host;
mod number;
mod rule;
pub(crate) mod sign_in;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use minijinja::{Environment, Value, context};

use crate::sign_in::Who;
use crate::state::App;
use crate::{ApiError, Result};

macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("../../templates/", $name)))
    };
}

const TEMPLATES: [(&str, &str); 10] = [
    template!("base.html"),
    template!("controls.html"),
    template!("fleet.html"),
    template!("host.html"),
    template!("compare.html"),
    template!("history.html"),
    template!("alerts.html"),
    template!("rule.html"),
    template!("sign_in.html"),
    template!("error.html"),
];

/// The templates, parsed once; every value is escaped for HTML.
#[derive(Clone)]
pub(crate) struct Templates(Arc<Environment<'static>>);

impl Templates {
    /// Errors: a template is wrong.
    pub(crate) fn new() -> Result<Templates> {
        let mut environment = Environment::new();
        environment.add_filter("value", number::value);
        environment.add_filter("age", number::age);
        environment.add_filter("moment", number::moment);
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).map_err(failed)?;
        }
        Ok(Templates(Arc::new(environment)))
    }
}

fn failed(error: minijinja::Error) -> ApiError {
    ApiError::Internal(format!("template: {error:#}"))
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(fleet::show))
        .route("/hosts/{host}", get(host::show))
        .route("/compare", get(compare::show))
        .route("/history", get(history::show))
        .route("/alerts", get(alerts::show))
        .route("/rules/{name}", get(rule::show))
}

/// Renders a page with what every page needs beside its own.
fn page(app: &App, who: Option<&Who>, name: &str, own: Value) -> Result<Response> {
    Ok(Html(text(app, who, name, own)?).into_response())
}

fn text(app: &App, who: Option<&Who>, name: &str, own: Value) -> Result<String> {
    let template = app.templates.0.get_template(name).map_err(failed)?;
    let all = context! {
        database_problem => app.live.problem().map(|problem| problem.message),
        who => who.map(|who| context! { name => who.name.as_str(), signed_in => who.signed_in, role => who.role.name() }),
        may_silence => who.is_some_and(Who::may_change) && app.alerter.may_change(),
        may_annotate => who.is_some_and(Who::may_change) && app.annotations.may_change(),
        has_alerter => app.alerter.is_configured(),
        ages => context! { late => app.config.live.late_after.get().as_secs_f64(), offline => app.config.live.offline_after.get().as_secs_f64() },
        version => env!("CARGO_PKG_VERSION"),
        ..own
    };
    template.render(all).map_err(failed)
}

/// A page that could not be made: an error page for people.
struct Failure(App, Option<Who>, ApiError);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Failure(app, who, error) = self;
        let status = error.status();
        let own =
            context! { title => "Error", message => error.to_string(), status => status.as_u16() };
        match page(&app, who.as_ref(), "error.html", own) {
            Ok(page) => (status, page).into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// The page, or the error page.
fn shown(app: App, who: Who, page: Result<Response>) -> Response {
    page.unwrap_or_else(|error| Failure(app, Some(who), error).into_response())
}

/// Paths that nothing answers to.
pub(crate) async fn not_found(State(app): State<App>, who: Option<Who>, uri: Uri) -> Response {
    let error = ApiError::NotFound(format!("page {}", uri.path()));
    let mut response = Failure(app, who, error).into_response();
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
