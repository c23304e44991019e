//! The scenarios that come with the binary, and files of a user's own.

use std::path::Path;

use super::Scenario;
use crate::{Error, Result};

/// Largest scenario file read; a larger one is the wrong file.
const FILE_LIMIT: u64 = 256 * 1024;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*]
    };
}

/// Name and text of each.
const EMBEDDED: &[(&str, &str)] = embedded![
    "write",
    "concurrent",
    "query",
    "mixed",
    "churn",
    "fleet",
    "saturate",
    "outage",
    "kill",
    "soak",
    "out-of-order",
    "self-drive-points",
    "self-drive-requests",
    "self-accuracy",
    "tuning-batch-100",
    "tuning-batch-5000",
    "tuning-gzip-off",
    "tuning-precision-seconds",
    "tuning-unsorted-tags",
    "tuning-cardinality-10k",
    "tuning-cardinality-100k",
    "tuning-range-1h",
    "tuning-range-24h",
    "tuning-pushdown",
    "tuning-no-pushdown",
    "tuning-tier-raw",
    "tuning-tier-hourly",
];

/// A scenario in a list.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub about: String,
}

/// The scenarios that come with the binary.
///
/// Errors: one of them is broken, which a test rules out.
pub fn list() -> Result<Vec<Listed>> {
    EMBEDDED
        .iter()
        .map(|(name, text)| {
            let about = parse(name, text)?.about;
            Ok(Listed { name, about })
        })
        .collect()
}

/// The text of an embedded scenario, to copy and change.
pub fn source(name: &str) -> Result<&'static str> {
    let found = EMBEDDED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| unknown(name))
}

/// The scenario of a name, or of a file when the name is a path to one.
///
/// Errors: no such scenario, a file that cannot be read, or every problem found in it.
pub fn find(name: &str) -> Result<Scenario> {
    let is_path = name.ends_with(".toml") || name.contains(std::path::MAIN_SEPARATOR);
    if !is_path {
        return parse(name, source(name)?);
    }
    let path = Path::new(name);
    let fail = |message: String| Error::Scenario {
        name: name.to_owned(),
        problems: vec![message],
    };
    let length = std::fs::metadata(path)
        .map_err(|error| fail(error.to_string()))?
        .len();
    if length > FILE_LIMIT {
        return Err(fail(format!(
            "is {length} bytes long; a scenario has at most {FILE_LIMIT}"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let stem = path.file_stem().map_or_else(
        || name.to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    parse(&stem, &text)
}

fn parse(name: &str, text: &str) -> Result<Scenario> {
    let fail = |problems: Vec<String>| Error::Scenario {
        name: name.to_owned(),
        problems,
    };
    let mut scenario: Scenario =
        toml::from_str(text).map_err(|error| fail(vec![error.to_string()]))?;
    scenario.name = name.to_owned();
    scenario.require_valid()?;
    Ok(scenario)
}

fn unknown(name: &str) -> Error {
    let nearest = EMBEDDED
        .iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(name, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, known)| known);
    Error::UnknownScenario {
        name: name.to_owned(),
        hint: nearest.map_or_else(String::new, |known| format!("; did you mean {known:?}?")),
    }
}
