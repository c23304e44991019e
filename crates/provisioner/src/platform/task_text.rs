//! The text of a task as the server keeps it: our options before the file's own lines.
//!
//! A file in `flux-tasks/` holds no `option task`: name, every and offset come from the desired
//! state. Parameters become an `option parameters` record in front, so the file stays valid Flux
//! with its own defaults and can be run by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use watchpost_flux::syntax::ast::{Statement, StatementKind};

use super::Task;

/// A task's complete Flux, with the values of its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskText {
    text: String,
    parameters: BTreeMap<String, String>,
}

impl TaskText {
    /// The Flux.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value of a parameter, its default in the file included.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The Flux with another value of a parameter; the same if it has none of that name.
    #[must_use]
    pub fn with_parameter(&self, name: &str, value: &str) -> String {
        let value = [(name.to_owned(), value.to_owned())].into();
        with_parameters(&self.text, &value).unwrap_or_else(|_| self.text.clone())
    }
}

/// A file that cannot become a task.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum TaskTextError {
    #[error(
        "line {line}: a file must not hold `option task`: name, every and offset stand in the desired state"
    )]
    OptionTask { line: usize },
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        line: usize,
        column: usize,
        message: String,
    },
    #[error(
        "the file holds no expression, such as `from(bucket: …) |> … |> to(bucket: …)`: a task of it would do nothing"
    )]
    Nothing,
    #[error("the parameter `{name}` is not in the file's `parameters` record (it has: {known})")]
    UnknownParameter { name: String, known: String },
    #[error("parameters are given, but the file has no line `parameters = {{…}}`")]
    NoParameters,
}

/// Puts name, schedule and parameters into the text of a file.
///
/// # Errors
/// The file is no Flux, asks for nothing, declares a task itself, or lacks a parameter that is given.
pub fn render(task: &Task, file: &str) -> Result<TaskText, TaskTextError> {
    if let Some(index) = file
        .lines()
        .position(|line| line.trim_start().starts_with("option task"))
    {
        return Err(TaskTextError::OptionTask { line: index + 1 });
    }
    check(file)?;
    let body = with_parameters(file, &task.parameters)?;
    let name = escape(&task.name);
    let mut head = format!("option task = {{name: \"{name}\", every: {}", task.every);
    if !task.offset.get().is_zero() {
        write!(head, ", offset: {}", task.offset).ok();
    }
    // Imports must come first, so the option follows the last of them.
    let after = body
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("import "))
        .map(|(index, _)| index + 1)
        .last();
    let (imports, rest): (Vec<_>, Vec<_>) = body
        .lines()
        .enumerate()
        .partition(|(index, _)| *index < after.unwrap_or(0));
    let join = |lines: Vec<(usize, &str)>| {
        lines
            .into_iter()
            .map(|(_, line)| line)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let (imports, rest) = (join(imports), join(rest));
    let gap = if imports.is_empty() { "" } else { "\n\n" };
    let text = format!("{imports}{gap}{head}}}\n\n{}\n", rest.trim());
    let parameters = record(&text).map_or_else(BTreeMap::new, |lines| {
        let lines = text.lines().skip(lines.start).take(lines.len());
        let pairs = lines.filter_map(|line| Some((key(line)?.to_owned(), default(line)?)));
        pairs.collect()
    });
    Ok(TaskText { text, parameters })
}

/// A server takes a task whose text is no program, or is empty, and runs it in vain. Which functions there are is left to
/// the server: InfluxDB's versions have each their own.
fn check(file: &str) -> Result<(), TaskTextError> {
    let (program, wrong) = watchpost_flux::syntax::parse(file);
    if let Some(first) = wrong.first() {
        return Err(TaskTextError::Syntax {
            line: first.span.start.line as usize,
            column: first.span.start.column as usize,
            message: first.message.clone(),
        });
    }
    let asks = |statement: &Statement| matches!(statement.kind, StatementKind::Expression(_));
    match program.body.iter().any(asks) {
        true => Ok(()),
        false => Err(TaskTextError::Nothing),
    }
}

/// The lines within the record `parameters = {…}`.
fn record(text: &str) -> Option<Range<usize>> {
    let mut lines = text.lines().enumerate();
    let (start, _) = lines.find(|(_, line)| line.trim() == "parameters = {")?;
    let (end, _) = lines.find(|(_, line)| line.trim() == "}")?;
    Some(start + 1..end)
}

/// Replaces the values of the record `parameters = {name: "value", …}` (one line a name).
fn with_parameters(
    file: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<String, TaskTextError> {
    if parameters.is_empty() {
        return Ok(file.to_owned());
    }
    let lines: Vec<&str> = file.lines().collect();
    let inside = record(file).ok_or(TaskTextError::NoParameters)?;
    let known: Vec<&str> = lines[inside.clone()]
        .iter()
        .filter_map(|line| key(line))
        .collect();
    if let Some(name) = parameters
        .keys()
        .find(|name| !known.contains(&name.as_str()))
    {
        return Err(TaskTextError::UnknownParameter {
            name: name.clone(),
            known: known.join(", "),
        });
    }
    let replaced = lines.iter().enumerate().map(|(index, line)| {
        let name = key(line).filter(|_| inside.contains(&index));
        match name.and_then(|name| Some((name, parameters.get(name)?))) {
            Some((name, value)) => format!("    {name}: \"{}\",", escape(value)),
            None => (*line).to_owned(),
        }
    });
    Ok(replaced.collect::<Vec<_>>().join("\n"))
}

/// The name on a line `name: "value",` of the record.
fn key(line: &str) -> Option<&str> {
    let (name, value) = line.trim().split_once(':')?;
    value.trim_start().starts_with('"').then_some(name)
}

/// The value on such a line, as it stands there.
fn default(line: &str) -> Option<String> {
    let (_, value) = line.trim().split_once(':')?;
    let value = value.trim().trim_end_matches(',').trim_matches('"');
    Some(value.to_owned())
}

/// A text inside a string literal of Flux.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "\\${")
        .replace('\n', "\\n")
}
