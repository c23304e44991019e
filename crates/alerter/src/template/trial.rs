//! Templates tried out before they are needed: what fails for every alert is a mistake of the file that holds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use serde::Serialize;

use super::{AlertView, MessageView, TemplateError, plain, render_value};
use crate::alert::{Alert, AlertState, Nanos, SECOND, Severity};
use crate::labels::{ALERT_NAME, Labels};
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::rules::definition::Rule;
use crate::summary::Wording;

/// When the tried alerts begin and end: any time will do.
const BEGIN: Nanos = 1_700_000_000 * SECOND;
const END: Nanos = BEGIN + 60 * SECOND;

/// Labels and annotations that have every name, since those of the series are not known yet. The value is a text that
/// is a number, too.
#[derive(Debug)]
struct AnyText;

const TEXT: &str = "1";

impl Object for AnyText {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from(TEXT))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&[ALERT_NAME, "host", "severity"])
    }
}

/// A view whose labels and annotations have every name.
fn lenient(view: serde_json::Value) -> Value {
    match view {
        serde_json::Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let value = match name.as_str() {
                    "labels" | "annotations" => Value::from_object(AnyText),
                    _ => lenient(value),
                };
                (name, value)
            });
            Value::from(fields.collect::<BTreeMap<String, Value>>())
        }
        serde_json::Value::Array(items) => {
            Value::from(items.into_iter().map(lenient).collect::<Vec<Value>>())
        }
        other => Value::from(minijinja::value::Serde(&other)),
    }
}

fn tried(text: &str, view: &impl Serialize) -> Result<(), TemplateError> {
    let view = serde_json::to_value(view).map_err(|error| TemplateError(error.to_string()))?;
    render_value(text, lenient(view), plain).map(drop)
}

fn in_state(mut alert: Alert, state: AlertState) -> Alert {
    alert.state = state;
    alert.value = Some(1.0);
    alert.threshold = Some(1.0);
    alert.worst = Some(1.0);
    alert.ends_at = state.is_over().then_some(END);
    alert
}

/// Tries a text of a rule's alert in a state.
///
/// # Errors
/// It cannot be rendered, whatever the series.
pub fn of_alert(text: &str, rule: &Rule, state: AlertState) -> Result<(), TemplateError> {
    let labels = Labels::from([(ALERT_NAME, rule.name.as_str()), ("host", TEXT)]);
    let mut alert = in_state(Alert::of_rule(labels, Severity::Warning, BEGIN), state);
    alert.wording = Some(Wording::of_rule(rule, &alert));
    tried(text, &AlertView::new(&alert, END, &Presentation::default()))
}

/// Tries a text of a receiver with a message in which one alert is in a state.
///
/// # Errors
/// It cannot be rendered, whatever the alerts.
pub fn of_message(
    text: &str,
    mut message: Notification,
    state: AlertState,
) -> Result<(), TemplateError> {
    let alerts = message.alerts.into_iter();
    message.alerts = alerts.map(|alert| in_state(alert, state)).collect();
    message.created_at = END;
    tried(text, &MessageView::new(&message, &Presentation::default()))
}
