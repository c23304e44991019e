//! What the packages of notifications need beyond the language: `opsgenie.respondersToJSON`.

use serde_json::{Value as Json, json};

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[native(
    "contrib/sranka/opsgenie",
    "respondersToJSON",
    "v",
    Scalar,
    responders_to_json,
)];

/// What a responder is called by: the prefix of its text and the member that takes the rest.
const RESPONDERS: [(&str, &str); 4] = [
    ("user", "username"),
    ("team", "name"),
    ("escalation", "name"),
    ("schedule", "name"),
];

/// `user:NAME`, `team:NAME`, `escalation:NAME` and `schedule:NAME` as the list that Opsgenie's Alert API takes.
fn responders_to_json(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let mut responders = Vec::new();
    for text in arguments.strings("v")? {
        let known = RESPONDERS.iter().find_map(|(kind, member)| {
            let name = text.strip_prefix(kind)?.strip_prefix(':')?;
            Some(json!({ "type": kind, *member: name }))
        });
        responders.push(known.ok_or_else(|| {
            Error::invalid(format!(
                "unsupported responder {text:?}: it must start with user:, team:, escalation: or schedule:"
            ))
        })?);
    }
    Ok(Value::text(Json::Array(responders).to_string()))
}
