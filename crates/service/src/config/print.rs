//! `print-config`: the configuration in effect as TOML, secrets masked, each value with its source.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Loaded, RoleConfig};

/// The configuration as TOML; values that are not defaults name their source in a comment.
pub fn print<C: RoleConfig>(loaded: &Loaded<C>) -> String {
    let value = serde_json::to_value(&loaded.config).unwrap_or(Value::Null);
    let mut text = String::new();
    table(&mut text, &value, "", &|key| {
        loaded.origins.get(key).cloned()
    });
    text
}

fn table(text: &mut String, value: &Value, prefix: &str, origin: &dyn Fn(&str) -> Option<String>) {
    let Some(entries) = value.as_object() else {
        return;
    };
    let join = |name: &str| {
        if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}.{name}")
        }
    };
    for (name, value) in entries.iter().filter(|(_, value)| !value.is_object()) {
        if let Some(shown) = toml_value(value) {
            let _ = write!(text, "{} = {shown}", quoted(name));
            if let Some(origin) = origin(&join(name)) {
                let _ = write!(text, "  # {origin}");
            }
            text.push('\n');
        }
    }
    for (name, value) in entries.iter().filter(|(_, value)| value.is_object()) {
        let _ = writeln!(
            text,
            "{}[{}]",
            if text.is_empty() { "" } else { "\n" },
            join(name)
        );
        table(text, value, &join(name), origin);
    }
}

/// A JSON value in TOML notation on one line; nothing for null, which TOML has not.
pub(super) fn toml_value(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(elements) => {
            format!(
                "[{}]",
                elements
                    .iter()
                    .filter_map(toml_value)
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let entries = entries.iter().filter_map(|(name, value)| {
                Some(format!("{} = {}", quoted(name), toml_value(value)?))
            });
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    })
}

/// A key in TOML notation: bare where it may be.
fn quoted(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        toml::Value::String(name.to_owned()).to_string()
    }
}
