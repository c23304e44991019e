//! The layers above the defaults as figment providers: the file, one provider a variable, one a
//! flag, so that figment can say which of them a value came from.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use toml::Value as Toml;

use super::shape::{Kind, Section};
use super::{Problem, RoleConfig};

/// Variables that start like ours and are no configuration of a role.
const RESERVED: [&str; 3] = ["WATCHPOST_CONFIG", "WATCHPOST_TEST_ENGINE", "WATCHPOST_LOG"];

/// Names that start a variable meant for one role alone: `WATCHPOST_AGENT__SECTION__KEY`.
const ROLES: [&str; 7] = [
    "AGENT",
    "ALERTER",
    "ARCHIVE",
    "BENCH",
    "ENGINE",
    "PROVISIONER",
    "WEB",
];

/// One layer: values and the name of where they come from.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }
    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// Adds a parsed TOML document called `name`.
pub(super) fn merge_document(figment: Figment, name: &str, document: &toml::Table) -> Figment {
    let values = document
        .iter()
        .map(|(key, value)| (key.clone(), from_toml(value)))
        .collect();
    figment.merge(Layer {
        name: name.to_owned(),
        values,
    })
}

/// Adds what the environment says. Variables of ours that name no key are problems.
pub(super) fn merge_environment<C: RoleConfig>(
    mut figment: Figment,
    environment: &BTreeMap<String, String>,
    sections: &[Section],
    problems: &mut Vec<Problem>,
) -> Figment {
    // The customary name is the weaker one: who writes ours means it.
    for (name, key) in C::ENVIRONMENT {
        if let Some(text) = environment.get(*name).filter(|text| !text.is_empty()) {
            figment = merge_text(figment, name, key, text, sections);
        }
    }
    let own = C::ROLE.to_ascii_uppercase();
    for own_only in [false, true] {
        for (name, text) in environment {
            let Some(rest) = name.strip_prefix("WATCHPOST_") else {
                continue;
            };
            if RESERVED.contains(&name.as_str()) {
                continue;
            }
            // A section may be called as another role: `alerter.url` of the web server.
            let is_section = || kind_of(sections, &key_of(rest)).is_some();
            let (role, rest) = match rest.split_once("__") {
                Some((role, rest)) if role == own => (Some(role), rest),
                Some((role, rest)) if ROLES.contains(&role) && !is_section() => (Some(role), rest),
                _ => (None, rest),
            };
            if role.is_some() != own_only || role.is_some_and(|role| role != own) {
                continue;
            }
            let key = key_of(rest);
            if kind_of(sections, &key).is_none() {
                problems.push(Problem {
                    place: name.clone(),
                    key: String::new(),
                    message: unknown_key(&key, sections, |key| {
                        format!("WATCHPOST_{}", key.to_ascii_uppercase().replace('.', "__"))
                    }),
                });
                continue;
            }
            figment = merge_text(figment, name, &key, text, sections);
        }
    }
    figment
}

/// `SECTION__KEY` as `section.key`.
fn key_of(rest: &str) -> String {
    rest.to_ascii_lowercase().replace("__", ".")
}

/// Adds flags: `(key, text, name of the flag)`. A secret is refused: every user of the machine sees
/// the arguments of a process.
pub(super) fn merge_flags(
    mut figment: Figment,
    flags: &[(String, String, String)],
    sections: &[Section],
    problems: &mut Vec<Problem>,
) -> Figment {
    for (key, text, name) in flags {
        let message = match kind_of(sections, key) {
            None => unknown_key(key, sections, str::to_owned),
            Some(Kind::Secret) => format!(
                "{key} is a secret and would show in the list of processes; put it in the \
                 environment or in a file"
            ),
            Some(_) => {
                figment = merge_text(figment, name, key, text, sections);
                continue;
            }
        };
        problems.push(Problem {
            place: name.clone(),
            key: String::new(),
            message,
        });
    }
    figment
}

fn merge_text(
    figment: Figment,
    name: &str,
    key: &str,
    text: &str,
    sections: &[Section],
) -> Figment {
    let value = typed(text, kind_of(sections, key).unwrap_or(&Kind::Text));
    let mut names = key.rsplit('.');
    let last = names.next().unwrap_or(key).to_owned();
    let values = names.fold(Dict::from([(last, value)]), |inner, outer| {
        Dict::from([(outer.to_owned(), Value::from(inner))])
    });
    figment.merge(Layer {
        name: name.to_owned(),
        values,
    })
}

/// Text as the kind the key takes; text that does not fit stays text, and typing refuses it later
/// with the same message a file would get.
fn typed(text: &str, kind: &Kind) -> Value {
    let trimmed = text.trim();
    match kind {
        Kind::Boolean => trimmed
            .parse::<bool>()
            .map_or_else(|_| Value::from(text), Value::from),
        Kind::Integer => trimmed
            .parse::<i64>()
            .map_or_else(|_| Value::from(text), Value::from),
        Kind::Number => trimmed
            .parse::<f64>()
            .map_or_else(|_| Value::from(text), Value::from),
        Kind::List(_) | Kind::Table if trimmed.starts_with(['[', '{']) => {
            let document = format!("value = {trimmed}").parse::<toml::Table>();
            document
                .ok()
                .and_then(|table| Some(from_toml(table.get("value")?)))
                .unwrap_or_else(|| Value::from(text))
        }
        Kind::List(element) => {
            let parts = trimmed
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            Value::from(parts.map(|part| typed(part, element)).collect::<Vec<_>>())
        }
        _ => Value::from(text),
    }
}

/// What the declared key takes; `None` for a key that is not declared.
pub(super) fn kind_of<'s>(sections: &'s [Section], key: &str) -> Option<&'s Kind> {
    sections
        .iter()
        .flat_map(|section| &section.keys)
        .find(|known| known.path.join(".") == key)
        .map(|known| &known.kind)
}

fn unknown_key(key: &str, sections: &[Section], spell: impl Fn(&str) -> String) -> String {
    let known: Vec<String> = sections
        .iter()
        .flat_map(|section| &section.keys)
        .filter(|known| !known.path.iter().any(|name| name == "[]"))
        .map(|known| known.path.join("."))
        .collect();
    match nearest(key, known.iter().map(String::as_str)) {
        Some(near) => format!("names no key ({key}); did you mean {}?", spell(near)),
        None => format!("names no key ({key})"),
    }
}

/// The known name most like `name`, if any is like it: what a message about a mistake suggests.
pub fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(name, candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn from_toml(value: &Toml) -> Value {
    match value {
        Toml::String(text) => Value::from(text.as_str()),
        Toml::Integer(number) => Value::from(*number),
        Toml::Float(number) => Value::from(*number),
        Toml::Boolean(flag) => Value::from(*flag),
        Toml::Datetime(time) => Value::from(time.to_string()),
        Toml::Array(elements) => Value::from(elements.iter().map(from_toml).collect::<Vec<_>>()),
        Toml::Table(table) => Value::from(
            table
                .iter()
                .map(|(key, value)| (key.clone(), from_toml(value)))
                .collect::<Dict>(),
        ),
    }
}
