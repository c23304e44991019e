//! Reading and writing the desired-state file.

use std::fs;
use std::path::{Path, PathBuf};

use watchpost_service::config::{self, ConfigError, Problem, Sources, locate, nearest};

use super::{Platform, TaskText, TaskTextError, render};

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path}: {error}")]
    Read {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error(transparent)]
    Content(#[from] ConfigError),
    #[error("cannot write the desired state as TOML: {0}")]
    Write(#[from] toml::ser::Error),
}

/// Reads and checks a file.
///
/// # Errors
/// It cannot be read, or everything that is wrong with it.
pub fn read(path: &Path) -> Result<Platform, FileError> {
    Ok(parse(&path.display().to_string(), &text(path)?)?)
}

/// A platform with the texts that lie beside its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    pub platform: Platform,
    /// One text per task, in its order.
    pub tasks: Vec<TaskText>,
    /// One query per check, in its order.
    pub checks: Vec<String>,
}

/// Reads and checks a file, and the texts of its tasks and checks, named from its folder.
///
/// # Errors
/// It cannot be read, or everything that is wrong with it and with those texts.
pub fn read_whole(path: &Path) -> Result<Whole, FileError> {
    let name = path.display().to_string();
    let text = text(path)?;
    let mut beside = Beside {
        folder: path.parent().unwrap_or(Path::new(".")),
        name: &name,
        text: &text,
        problems: Vec::new(),
    };
    let mut error = match parse(&name, &text) {
        Ok(platform) => {
            let tasks = beside.tasks(&platform);
            let checks = beside.checks(&platform);
            if beside.problems.is_empty() {
                return Ok(Whole {
                    platform,
                    tasks,
                    checks,
                });
            }
            ConfigError {
                problems: Vec::new(),
            }
        }
        Err(error) => {
            beside.missing();
            error
        }
    };
    error.problems.append(&mut beside.problems);
    error.problems.sort_by_key(|it| line_and_column(&it.place));
    Err(error.into())
}

fn text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|error| FileError::Read {
        path: path.to_owned(),
        error,
    })
}

/// `FILE:LINE:COLUMN`; what has no place comes last.
fn line_and_column(place: &str) -> (usize, usize) {
    let mut parts = place.rsplit(':').map(|it| it.parse().ok());
    let column = parts.next().flatten();
    let line = parts.next().flatten();
    line.zip(column).unwrap_or((usize::MAX, usize::MAX))
}

/// The files beside the desired state, and what is wrong with them.
struct Beside<'a> {
    folder: &'a Path,
    name: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Beside<'_> {
    fn tasks(&mut self, platform: &Platform) -> Vec<TaskText> {
        let mut texts = Vec::new();
        for (index, task) in platform.tasks.iter().enumerate() {
            let key = format!("tasks.{index}.file");
            let Some(file) = self.read(&task.file, &key) else {
                continue;
            };
            match render(task, &file) {
                Ok(text) => texts.push(text),
                Err(error @ TaskTextError::OptionTask { .. }) => {
                    self.add(&key, format!("{}: {error}", task.file));
                }
                Err(error) => {
                    let key = format!("tasks.{index}.parameters");
                    self.add(&key, format!("{}: {error}", task.file));
                }
            }
        }
        texts
    }

    fn checks(&mut self, platform: &Platform) -> Vec<String> {
        let mut texts = Vec::new();
        for (index, check) in platform.checks.iter().enumerate() {
            texts.extend(self.read(&check.file, &format!("checks.{index}.file")));
        }
        texts
    }

    /// Of a file with other mistakes: which of the files that it names are not there.
    fn missing(&mut self) {
        let Ok(document) = self.text.parse::<toml::Table>() else {
            return;
        };
        for section in ["tasks", "checks"] {
            let entries = document.get(section).and_then(toml::Value::as_array);
            for (index, entry) in entries.into_iter().flatten().enumerate() {
                if let Some(file) = entry.get("file").and_then(toml::Value::as_str) {
                    self.read(file, &format!("{section}.{index}.file"));
                }
            }
        }
    }

    fn read(&mut self, file: &str, key: &str) -> Option<String> {
        let path = self.folder.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                let hint = self.neighbour(&path);
                self.add(
                    key,
                    format!("cannot read {}: {error}{hint}", path.display()),
                );
                None
            }
        }
    }

    /// The file in the same folder whose name is most like the missing one's.
    fn neighbour(&self, path: &Path) -> String {
        let folder = path.parent().unwrap_or(self.folder);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names: Vec<String> = entries
            .map(|it| it.file_name().to_string_lossy().into_owned())
            .collect();
        let wanted = path
            .file_name()
            .map_or_else(String::new, |it| it.to_string_lossy().into_owned());
        nearest(&wanted, names.iter().map(String::as_str))
            .map_or_else(String::new, |it| format!("; did you mean {it}?"))
    }

    fn add(&mut self, key: &str, message: String) {
        self.problems.push(Problem {
            place: locate(self.name, self.text, key),
            key: key.to_owned(),
            message,
        });
    }
}

/// Checks a text; `name` is what its problems call it.
///
/// # Errors
/// Everything that is wrong with it, each with line and column.
pub fn parse(name: &str, text: &str) -> Result<Platform, ConfigError> {
    // The environment and flags have no part in the desired state.
    config::load_text::<Platform>(name, text, &Sources::default()).map(|it| it.config)
}

/// The text of a file that says the same.
///
/// # Errors
/// None that a checked platform can cause.
pub fn write(platform: &Platform) -> Result<String, FileError> {
    Ok(toml::to_string_pretty(platform)?)
}
