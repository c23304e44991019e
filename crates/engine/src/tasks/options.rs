//! `option task = {…}`: what a script says about its schedule, read from its tree and changed in it.

use watchpost_flux::syntax::ast::{
    Expression, ExpressionKind, File, Property, PropertyKey, Span, StatementKind, UnaryOperator,
};
use watchpost_flux::syntax::{self, format};

use crate::tasks::schedule::Schedule;

/// The most runs of a task at once, as InfluxDB's.
const MAX_CONCURRENCY: i64 = 100;

/// The most tries of a run, as InfluxDB's.
const MAX_RETRY: i64 = 10;

/// A script's options.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The task's name.
    pub name: String,
    /// A duration in Flux notation.
    pub every: Option<String>,
    /// A cron expression.
    pub cron: Option<String>,
    /// A duration in Flux notation.
    pub offset: Option<String>,
    /// Runs at once.
    pub concurrency: i64,
    /// Tries of a run.
    pub retry: i64,
}

/// What a request changes in a script's options; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// The task's name.
    pub name: Option<String>,
    /// In place of `every` and `cron`.
    pub every: Option<String>,
    /// In place of `every` and `cron`.
    pub cron: Option<String>,
    /// A duration.
    pub offset: Option<String>,
}

impl Options {
    /// Reads a script's options.
    ///
    /// # Errors
    /// The script cannot be parsed, or its options are not a schedule.
    pub fn of(flux: &str) -> Result<Self, String> {
        let (file, diagnostics) = syntax::parse(flux);
        if let Some(first) = diagnostics.first() {
            return Err(format!("loc {}: {}", first.span, first.message));
        }
        let mut records = task_records(&file);
        let record = records.next().ok_or("no task options defined")?;
        if records.next().is_some() {
            return Err("multiple task options defined".to_owned());
        }
        let mut options = Self {
            concurrency: 1,
            retry: 1,
            ..Self::default()
        };
        for property in record {
            options.read(property)?;
        }
        options.checked()
    }

    fn read(&mut self, property: &Property) -> Result<(), String> {
        let Some(value) = &property.value else {
            return Ok(());
        };
        let value = value.without_parentheses();
        let name = property.key.name.as_ref();
        let mismatch = |expected: &str| format!("task option {name:?} must be a {expected}");
        match name {
            "name" => self.name = text(value).ok_or_else(|| mismatch("text"))?,
            "cron" => self.cron = Some(text(value).ok_or_else(|| mismatch("text"))?),
            "every" => self.every = Some(duration(value).ok_or_else(|| mismatch("duration"))?),
            "offset" => self.offset = Some(duration(value).ok_or_else(|| mismatch("duration"))?),
            "concurrency" => {
                self.concurrency = integer(value).ok_or_else(|| mismatch("whole number"))?
            }
            "retry" => self.retry = integer(value).ok_or_else(|| mismatch("whole number"))?,
            // Others are the script's own.
            _ => {}
        }
        Ok(())
    }

    fn checked(self) -> Result<Self, String> {
        if self.name.is_empty() {
            return Err("missing required option: name".to_owned());
        }
        match (&self.every, &self.cron) {
            (None, None) => return Err("missing required option: cron or every".to_owned()),
            (Some(_), Some(_)) => {
                return Err("cannot use both cron and every in task options".to_owned());
            }
            _ => {}
        }
        let within = |reason: String| format!("invalid options: {reason}");
        Schedule::of(self.every.as_deref(), self.cron.as_deref()).map_err(within)?;
        if !(1..=MAX_CONCURRENCY).contains(&self.concurrency) {
            return Err(within(format!(
                "concurrency must be between 1 and {MAX_CONCURRENCY}"
            )));
        }
        if !(1..=MAX_RETRY).contains(&self.retry) {
            return Err(within(format!("retry must be between 1 and {MAX_RETRY}")));
        }
        Ok(self)
    }
}

impl Edit {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The script with changed options, formatted anew.
    ///
    /// # Errors
    /// The script or a new option cannot be parsed.
    pub fn apply(&self, flux: &str) -> Result<String, String> {
        let (mut file, diagnostics) = syntax::parse(flux);
        if let Some(first) = diagnostics.first() {
            return Err(format!("loc {}: {}", first.span, first.message));
        }
        let record = task_record_mut(&mut file).ok_or("no task options defined")?;
        if let Some(name) = &self.name {
            set(record, &["name"], "name", &format::quote(name))?;
        }
        if let Some(every) = &self.every {
            set(record, &["every", "cron"], "every", every)?;
        }
        if let Some(cron) = &self.cron {
            set(record, &["every", "cron"], "cron", &format::quote(cron))?;
        }
        if let Some(offset) = &self.offset {
            set(record, &["offset"], "offset", offset)?;
        }
        Ok(format::format(&file))
    }
}

/// Puts a property in place of the first of some, removes the others, or adds it at the end.
fn set(
    record: &mut Vec<Property>,
    instead_of: &[&str],
    name: &str,
    literal: &str,
) -> Result<(), String> {
    let (file, diagnostics) = syntax::parse(literal);
    let value = match file.body.into_iter().next().map(|statement| statement.kind) {
        Some(StatementKind::Expression(value)) if diagnostics.is_empty() => value,
        _ => {
            return Err(format!(
                "{literal:?} is no value for the task option {name:?}"
            ));
        }
    };
    let key = PropertyKey {
        name: name.into(),
        quoted: false,
        span: Span::default(),
    };
    let property = Property {
        key,
        value: Some(value),
        span: Span::default(),
    };
    let replaces = |property: &Property| instead_of.contains(&property.key.name.as_ref());
    match record.iter().position(replaces) {
        None => record.push(property),
        Some(place) => {
            record[place] = property;
            let mut index = 0;
            record.retain(|property| {
                index += 1;
                index - 1 == place || !replaces(property)
            });
        }
    }
    Ok(())
}

fn task_records(file: &File) -> impl Iterator<Item = &Vec<Property>> {
    file.body
        .iter()
        .filter_map(|statement| match &statement.kind {
            StatementKind::Option(option)
                if option.package.is_none() && option.name.name.as_ref() == "task" =>
            {
                match &option.value.without_parentheses().kind {
                    ExpressionKind::Record(record) => Some(&record.properties),
                    _ => None,
                }
            }
            _ => None,
        })
}

fn task_record_mut(file: &mut File) -> Option<&mut Vec<Property>> {
    file.body
        .iter_mut()
        .find_map(|statement| match &mut statement.kind {
            StatementKind::Option(option)
                if option.package.is_none() && option.name.name.as_ref() == "task" =>
            {
                match &mut option.value.kind {
                    ExpressionKind::Record(record) => Some(&mut record.properties),
                    _ => None,
                }
            }
            _ => None,
        })
}

fn text(value: &Expression) -> Option<String> {
    match &value.kind {
        ExpressionKind::String(text) => Some(text.to_string()),
        _ => None,
    }
}

fn integer(value: &Expression) -> Option<i64> {
    match &value.kind {
        ExpressionKind::Integer(number) => Some(*number),
        _ => None,
    }
}

fn duration(value: &Expression) -> Option<String> {
    match &value.kind {
        ExpressionKind::Duration(parts) => Some(format::duration(parts)),
        ExpressionKind::Unary {
            operator: UnaryOperator::Minus,
            operand,
        } => duration(operand).map(|positive| format!("-{positive}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let options = Options::of(
            "option task = {name: \"a\", every: 1h, offset: 5m, concurrency: 2}\nfrom(bucket: \"b\")",
        );
        let expected = Options {
            name: "a".to_owned(),
            every: Some("1h".to_owned()),
            cron: None,
            offset: Some("5m".to_owned()),
            concurrency: 2,
            retry: 1,
        };
        assert_eq!(options, Ok(expected));
    }

    #[test]
    fn an_edit_changes_only_what_it_names() {
        let flux = "option task = {name: \"a\", every: 1h, offset: 5m}\n\nx = 1\n";
        let edit = Edit {
            cron: Some("0 * * * *".to_owned()),
            ..Edit::default()
        };
        let edited = edit.apply(flux).expect("edits");
        assert!(
            edited.starts_with("option task = {name: \"a\", cron: \"0 * * * *\", offset: 5m}\n"),
            "{edited}"
        );
        let edit = Edit {
            name: Some("b \"c\"".to_owned()),
            every: Some("2h".to_owned()),
            ..Edit::default()
        };
        let edited = edit.apply(&edited).expect("edits");
        assert_eq!(Options::of(&edited).expect("options").name, "b \"c\"");
        assert_eq!(
            Options::of(&edited).expect("options").every.as_deref(),
            Some("2h")
        );
    }

    #[test]
    fn a_value_that_is_none_is_refused() {
        let edit = Edit {
            every: Some("} evil".to_owned()),
            ..Edit::default()
        };
        assert!(
            edit.apply("option task = {name: \"a\", every: 1h}")
                .is_err()
        );
    }
}
