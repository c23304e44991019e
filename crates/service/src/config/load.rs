//! Loading: merge the layers, type them, check them, and give every problem its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider as _};

use super::layers::{merge_document, merge_environment, merge_flags};
use super::place::{Places, places};
use super::settle::settle;
use super::shape::{self, Kind, Section};
use super::{ConfigError, Problem, Problems, RoleConfig};

/// Largest configuration file read; a larger one is the wrong file.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

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
    /// What works but should not stay so.
    pub warnings: Vec<Problem>,
}

impl<C> Loaded<C> {
    /// Tells the warnings in the log, once that runs.
    pub fn log_warnings(&self) {
        for warning in &self.warnings {
            tracing::warn!(
                place = warning.place,
                key = warning.key,
                "{}",
                warning.message
            );
        }
    }
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
    let (document, places) = parse(name, text)?;
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
    let settled = settle::<C>(merged.clone(), &sections);
    let refused: BTreeSet<&str> = settled
        .refusals
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    found.extend(settled.refusals.iter().map(|(key, message)| Problem {
        place: place.of(key),
        key: key.clone(),
        message: message.clone(),
    }));
    let mut problems = Problems::default();
    if let Some(config) = &settled.config {
        config.check(&mut problems);
    }
    let placed = |mut problem: Problem| {
        problem.key = settled.source_key(&problem.key);
        problem.place = place.of(&problem.key);
        problem
    };
    // A refused key holds its default now; what checks say of that is noise.
    let checked = problems.found.into_iter().map(placed);
    found.extend(checked.filter(|problem| !refused.contains(problem.key.as_str())));
    let mut warnings: Vec<Problem> = problems.warnings.into_iter().map(placed).collect();
    match settled.config {
        Some(config) if found.is_empty() => {
            let mut origins = BTreeMap::new();
            collect_origins(&merged, "", &place, &mut origins);
            warnings.extend(exposed_secrets(sources, &place, &sections));
            Ok(Loaded {
                config,
                origins,
                warnings,
            })
        }
        _ => {
            // Those of the file first, down the page.
            found.sort_by_key(|problem| place.rank(&problem.place, &problem.key));
            Err(ConfigError { problems: found })
        }
    }
}

/// The document and the places of its keys.
fn parse(name: &str, text: &str) -> Result<(toml::Table, Places), ConfigError> {
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
    Ok((document, places))
}

/// Warnings about secrets that stand in a file every user of the machine may read.
fn exposed_secrets(sources: &Sources, place: &Placer<'_>, sections: &[Section]) -> Vec<Problem> {
    let open = sources
        .file
        .as_deref()
        .is_some_and(crate::secret::is_open_to_everyone);
    let keys = sections.iter().flat_map(|section| &section.keys);
    let secrets = keys
        .filter(|key| open && key.kind == Kind::Secret)
        .map(|key| key.path.join("."));
    secrets
        .filter(|key| {
            place.places.contains(key) && place.source(key).as_deref() == Some(place.file)
        })
        .map(|key| Problem {
            place: place.of(&key),
            key,
            message: "is a secret in a file that every user may read; run: chmod 0600".to_owned(),
        })
        .collect()
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

    /// Orders problems: by line of the file, then those of variables and flags.
    fn rank(&self, place: &str, key: &str) -> (bool, Option<(usize, usize)>) {
        let in_file = !self.file.is_empty() && place.starts_with(self.file);
        (!in_file, in_file.then(|| self.places.find(key)).flatten())
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
