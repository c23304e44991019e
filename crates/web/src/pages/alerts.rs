//! Alerts as the alerter knows them: active and silenced ones, silences, rules, history.

use axum::extract::State;
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::{page, shown};
use crate::Result;
use crate::sign_in::Who;
use crate::state::App;

pub(super) async fn show(who: Who, State(app): State<App>) -> Response {
    let rendered = render(&app, &who).await;
    shown(app, who, rendered)
}

async fn render(app: &App, who: &Who) -> Result<Response> {
    let mut problem = None;
    let mut list = async |path: &str, member: &str| -> Value {
        match app.alerter.get(path).await {
            Ok(document) => Value::from(Serde(&document[member])),
            Err(error) => {
                problem = Some(error.to_string());
                Value::from(Vec::<Value>::new())
            }
        }
    };
    let alerts = list("/api/v1/alerts?state=firing", "alerts").await;
    let silences = list("/api/v1/silences?expired=false", "silences").await;
    let rules = list("/api/v1/rules", "rules").await;
    let history = list("/api/v1/history?limit=100", "events").await;
    let own = context! { title => "Alerts", active => "alerts", alerts, silences, rules, history, problem };
    page(app, Some(who), "alerts.html", own)
}
