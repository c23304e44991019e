//! Loading: merge the layers, type them, and gather every problem instead of the first.
//!
//! serde stops at its first error. The loader notes it, takes the offending value out (its default
//! steps in) and types again, until nothing is left to refuse; so a file with five mistakes tells
//! all five in one run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use figment::error::Kind as ErrorKind;
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider as _};

use super::layers::{merge_document, merge_environment, merge_flags, nearest};
use super::place::{Places, places};
use super::{ConfigError, Problem, Problems, RoleConfig, shape};

/// Largest configuration file read; a larger one is the wrong file.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Problems told at once; who has more should look at the file as a whole.
const PROBLEM_LIMIT: usize = 50;

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment as a value ([`super::environment::environment`]).
    pub environment: BTreeMap<String, String>,
    /// `(key, text, name of the flag)`, later ones win.
    pub flags: Vec<(String, String, String)>,
}

impl Sources {
    /// Adds the value of a flag: `set("log.level", "debug", "--log-level")`.
    pub fn set(&mut self, key: &str, text: impl Into<String>, flag: &str) {
        self.flags
            .push((key.to_owned(), text.into(), flag.to_owned()));
    }
}

/// A valid configuration and where its values come from.
#[derive(Debug, Clone)]
pub struct Loaded<C> {
    /// The configuration.
    pub config: C,
    /// Source of each key that is not a default: `influx.url` from `INFLUX_URL`.
    pub origins: BTreeMap<String, String>,
}

/// Loads and checks a configuration.
///
/// Errors: every problem found, each with its place.
pub fn load<C: RoleConfig>(sources: &Sources) -> Result<Loaded<C>, ConfigError> {
    let Some(path) = &sources.file else {
        return load_text("", "", sources);
    };
    match read(path) {
        Ok(text) => load_text(&path.display().to_string(), &text, sources),
        Err(message) => Err(ConfigError {
            problems: vec![Problem {
                place: path.display().to_string(),
                key: String::new(),
                message,
            }],
        }),
    }
}

fn read(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path)
        .map_err(|error| format!("cannot be read: {error}"))?
        .len();
    if length > FILE_LIMIT {
        return Err(format!(
            "is {length} bytes long; a configuration has at most {FILE_LIMIT}"
        ));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

/// Like [`load`] with the text of the file in hand; `name` is what problems call it.
pub fn load_text<C: RoleConfig>(
    name: &str,
    text: &str,
    sources: &Sources,
) -> Result<Loaded<C>, ConfigError> {
    let sections = shape::sections::<C>();
    let fail = |place: String, message: String| ConfigError {
        problems: vec![Problem {
            place,
            key: String::new(),
            message,
        }],
    };
    let places = places(text)
        .map_err(|(message, (line, column))| fail(format!("{name}:{line}:{column}"), message))?;
    let document: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| fail(name.to_owned(), error.message().to_owned()))?;

    let mut found = Vec::new();
    let figment = merge_document(Figment::new(), name, &document);
    let figment = merge_environment::<C>(figment, &sources.environment, &sections, &mut found);
    let figment = merge_flags(figment, &sources.flags, &sections, &mut found);

    let place = Placer {
        figment: &figment,
        file: name,
        places: &places,
    };
    let merged = figment
        .data()
        .ok()
        .and_then(|mut all| all.remove(&Profile::Default))
        .unwrap_or_default();
    let config = settle::<C>(merged.clone(), &place, &mut found);
    let mut problems = Problems::default();
    if let Some(config) = &config {
        config.check(&mut problems);
    }
    // A key that was already refused holds its default now; what checks say of it is noise.
    let refused: BTreeSet<String> = found.iter().map(|problem| problem.key.clone()).collect();
    for mut problem in problems.found {
        if !refused.contains(&problem.key) {
            problem.place = place.of(&problem.key);
            found.push(problem);
        }
    }
    match config {
        Some(config) if found.is_empty() => {
            let mut origins = BTreeMap::new();
            collect_origins(&merged, "", &place, &mut origins);
            Ok(Loaded { config, origins })
        }
        _ => Err(ConfigError { problems: found }),
    }
}

/// Finds the place of a key: line and column in the file, else the variable or flag.
struct Placer<'l> {
    figment: &'l Figment,
    file: &'l str,
    places: &'l Places,
}

impl Placer<'_> {
    fn of(&self, key: &str) -> String {
        match self.source(key) {
            Some(name) if name == self.file => match self.places.find(key) {
                Some((line, column)) => format!("{name}:{line}:{column}"),
                None => name,
            },
            Some(name) => name,
            None => String::new(),
        }
    }

    fn source(&self, key: &str) -> Option<String> {
        let mut key = key;
        loop {
            if let Some(metadata) = self.figment.find_metadata(key) {
                return Some(metadata.name.to_string());
            }
            key = &key[..key.rfind('.')?];
        }
    }
}

/// Types `values`, taking out what is refused and noting it; `None` when what is left cannot be typed.
fn settle<C: RoleConfig>(
    mut values: Dict,
    place: &Placer<'_>,
    found: &mut Vec<Problem>,
) -> Option<C> {
    let mut removed = BTreeSet::new();
    for _ in 0..PROBLEM_LIMIT {
        let error = match Figment::from(Serialized::defaults(&values)).extract::<C>() {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        for error in error {
            let mut path = error.path.clone();
            let (message, secondary) = describe(&error.kind, &mut path, &removed);
            let key = path.join(".");
            if !secondary {
                found.push(Problem {
                    place: place.of(&key),
                    key: key.clone(),
                    message,
                });
            }
            let whole_element = matches!(error.kind, ErrorKind::MissingField(_));
            let cut = if whole_element { &error.path } else { &path };
            if cut.is_empty() || !remove(&mut values, cut) {
                return None;
            }
            removed.insert(key);
        }
    }
    None
}

/// The message for an error; an unknown or missing field's name is added to `path`. True beside it
/// when the error only follows from a value taken out before.
fn describe(
    kind: &ErrorKind,
    path: &mut Vec<String>,
    removed: &BTreeSet<String>,
) -> (String, bool) {
    match kind {
        ErrorKind::UnknownField(name, known) => {
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            let message = match nearest(name, known.iter().copied()) {
                Some(near) => format!("unknown key; did you mean {near}?"),
                None if known.is_empty() => "unknown key".to_owned(),
                None => format!("unknown key; known are {}", known.join(", ")),
            };
            (message, false)
        }
        ErrorKind::UnknownVariant(name, known) => {
            let hint =
                nearest(name, known.iter().copied()).map(|near| format!("; did you mean {near}?"));
            (
                format!(
                    "{name:?} is none of {}{}",
                    known.join(", "),
                    hint.unwrap_or_default()
                ),
                false,
            )
        }
        ErrorKind::MissingField(name) => {
            path.push(name.to_string());
            ("is required".to_owned(), removed.contains(&path.join(".")))
        }
        ErrorKind::InvalidType(actual, expected) | ErrorKind::InvalidValue(actual, expected) => {
            (format!("is {actual}; it must be {expected}"), false)
        }
        other => (other.to_string(), false),
    }
}

/// Takes the value at `path` out of `values`; a list's element leaves an empty place, so that the
/// places of those behind it stay true.
fn remove(values: &mut Dict, path: &[String]) -> bool {
    let Some((last, outer)) = path.split_last() else {
        return false;
    };
    let Some((first, inner)) = outer.split_first() else {
        return values.remove(last).is_some();
    };
    let mut current = match values.get_mut(first) {
        Some(value) => value,
        None => return false,
    };
    for name in inner {
        let next = match current {
            Value::Dict(_, dict) => dict.get_mut(name),
            Value::Array(_, list) => name
                .parse::<usize>()
                .ok()
                .and_then(|index| list.get_mut(index)),
            _ => None,
        };
        match next {
            Some(value) => current = value,
            None => return false,
        }
    }
    match current {
        Value::Dict(_, dict) => dict.remove(last).is_some(),
        Value::Array(_, list) => match last.parse::<usize>() {
            Ok(index) if index < list.len() => {
                list.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

fn collect_origins(
    values: &Dict,
    prefix: &str,
    place: &Placer<'_>,
    origins: &mut BTreeMap<String, String>,
) {
    for (name, value) in values {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Dict(_, inner) => collect_origins(inner, &key, place, origins),
            _ => {
                origins.insert(key.clone(), place.of(&key));
            }
        }
    }
}
