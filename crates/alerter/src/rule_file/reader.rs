//! Reads TOML with positions, so that every mistake of a file is named at once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use watchpost_core::duration::Duration;

use super::mistake::{Mistake, Mistakes, did_you_mean};
use crate::alert::Nanos;
use crate::matcher::{Matcher, contradiction};

/// Mistakes that are named at once: more of them are mostly one, and finding the place of each reads the text to there.
const MAX_MISTAKES: usize = 100;

/// A parsed document and the mistakes found in it so far.
#[derive(Debug)]
pub struct Document<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'t> Document<'t> {
    /// Syntax errors are mistakes, too; what could be parsed is read on.
    pub fn parse(text: &'t str) -> Document<'t> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mistakes = errors
            .iter()
            .take(MAX_MISTAKES)
            .map(|error| {
                Mistake::at(
                    text,
                    error.span().map_or(0, |span| span.start),
                    error.message(),
                )
            })
            .collect();
        Document {
            text,
            root,
            mistakes: RefCell::new(mistakes),
        }
    }

    pub fn root(&self) -> Table<'_, 't> {
        Table::new(self, self.root.get_ref(), 0..0, "the file".to_owned())
    }

    pub fn mistake(&self, span: &Range<usize>, message: impl Into<String>) {
        let mut mistakes = self.mistakes.borrow_mut();
        if mistakes.len() < MAX_MISTAKES {
            mistakes.push(Mistake::at(self.text, span.start, message));
        }
    }

    pub fn has_mistakes(&self) -> bool {
        !self.mistakes.borrow().is_empty()
    }

    /// The value, unless something was wrong.
    pub fn finish<T>(self, value: T) -> Result<T, Mistakes> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        if mistakes.is_empty() {
            Ok(value)
        } else {
            Err(Mistakes(mistakes))
        }
    }
}

/// A table that is being read; keys nobody asked for are mistakes when it is closed.
#[derive(Debug)]
pub struct Table<'d, 't> {
    pub document: &'d Document<'t>,
    entries: &'d DeTable<'t>,
    pub span: Range<usize>,
    /// Names the table in messages: `rule "cpu_high"`.
    pub what: String,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'d, 't> Table<'d, 't> {
    fn new(
        document: &'d Document<'t>,
        entries: &'d DeTable<'t>,
        span: Range<usize>,
        what: String,
    ) -> Self {
        Table {
            document,
            entries,
            span,
            what,
            known: RefCell::default(),
        }
    }

    /// Reports the keys that were never asked for.
    pub fn close(self) {
        let known = self.known.borrow();
        for key in self
            .entries
            .keys()
            .filter(|key| !known.contains(key.get_ref().as_ref()))
        {
            let name = key.get_ref().as_ref();
            let near = did_you_mean(name, known.iter().copied());
            self.document.mistake(
                &key.span(),
                format!("{} has no setting {name:?}{near}", self.what),
            );
        }
    }

    fn value(&self, name: &'static str) -> Option<&'d Spanned<DeValue<'t>>> {
        self.known.borrow_mut().insert(name);
        self.entries.get(name)
    }

    pub fn has(&self, name: &'static str) -> bool {
        self.value(name).is_some()
    }

    /// Whether the value of a key is a list that holds nothing.
    pub fn is_empty_list(&self, name: &'static str) -> bool {
        let value = self.value(name).map(Spanned::get_ref);
        value.is_some_and(|value| value.as_array().is_some_and(|list| list.is_empty()))
    }

    /// Whether the value of a key is a table.
    pub fn is_table(&self, name: &'static str) -> bool {
        self.value(name)
            .is_some_and(|value| value.get_ref().is_table())
    }

    /// Notes a mistake at the value of a key, or at the table if the key is absent.
    pub fn mistake(&self, name: &'static str, message: impl Into<String>) {
        let span = self
            .entries
            .get(name)
            .map_or_else(|| self.span.clone(), Spanned::span);
        self.document.mistake(&span, message);
    }

    /// `None` and a mistake if the key is there with another type.
    fn typed<T>(
        &self,
        name: &'static str,
        expected: &str,
        read: impl Fn(&'d DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        let found = read(value.get_ref());
        if found.is_none() {
            let kind = value.get_ref().type_str();
            self.mistake(name, format!("{name} must be {expected}, not a {kind}"));
        }
        found
    }

    /// A value that has to be there.
    pub fn required<T>(&self, name: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(name) {
            self.mistake(name, format!("{} needs {name}", self.what));
        }
        value
    }

    pub fn string(&self, name: &'static str) -> Option<String> {
        self.typed(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub fn boolean(&self, name: &'static str) -> Option<bool> {
        self.typed(name, "true or false", DeValue::as_bool)
    }

    pub fn number(&self, name: &'static str) -> Option<f64> {
        self.typed(name, "a number", number).filter(|number| {
            let finite = number.is_finite();
            if !finite {
                self.mistake(name, format!("{name} must be a finite number"));
            }
            finite
        })
    }

    /// A whole number in a range.
    pub fn integer(&self, name: &'static str, range: Range<u64>) -> Option<u64> {
        let number = self.typed(name, "a whole number", |value| {
            number(value).filter(|n| n.fract() == 0.0)
        })?;
        if number >= range.start as f64 && number < range.end as f64 {
            return Some(number as u64);
        }
        self.mistake(
            name,
            format!("{name} must be {} to {}", range.start, range.end - 1),
        );
        None
    }

    /// A duration such as `5m`, in nanoseconds; not negative, no calendar months.
    pub fn duration(&self, name: &'static str) -> Option<Nanos> {
        let text = self.typed(name, "a duration such as \"5m\"", |value| {
            value.as_str().map(str::to_owned)
        })?;
        let nanos = text
            .parse::<Duration>()
            .ok()
            .and_then(Duration::fixed_nanos)
            .filter(|nanos| *nanos >= 0);
        if nanos.is_none() {
            self.mistake(
                name,
                format!("{text:?} is not a duration; write \"30s\", \"5m\", \"1h30m\" or \"2d\""),
            );
        }
        nanos
    }

    /// A duration of at least a second.
    pub fn positive_duration(&self, name: &'static str) -> Option<Nanos> {
        let nanos = self.duration(name)?;
        if nanos < crate::alert::SECOND {
            self.mistake(name, format!("{name} must be at least 1s"));
            return None;
        }
        Some(nanos)
    }

    pub fn strings(&self, name: &'static str) -> Option<Vec<String>> {
        self.typed(name, "a list of strings", |value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect()
        })
    }

    /// One of a set of names.
    pub fn choice<T: Copy>(&self, name: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.string(name)?;
        let found = choices
            .iter()
            .find(|(choice, _)| *choice == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            let near = did_you_mean(&text, names.iter().copied());
            self.mistake(
                name,
                format!("{text:?} is not a valid {name}: {}{near}", names.join(", ")),
            );
        }
        found
    }

    /// Texts that are parsed one by one, each mistake at its own place.
    pub fn parsed<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.mistake(name, format!("{name} must be a list of strings"));
            return Vec::new();
        };
        let mut parsed = Vec::new();
        for item in items.iter() {
            let result = item
                .get_ref()
                .as_str()
                .ok_or_else(|| format!("{name} must be a list of strings"));
            match result.and_then(&parse) {
                Ok(value) => parsed.push(value),
                Err(message) => self.document.mistake(&item.span(), message),
            }
        }
        parsed
    }

    pub fn matchers(&self, name: &'static str) -> Vec<Matcher> {
        let lists = self.parsed(name, |text| {
            Matcher::list(text).map_err(|error| error.to_string())
        });
        let matchers = lists.concat();
        if let Some((one, other)) = contradiction(&matchers) {
            self.mistake(name, format!("nothing matches both {one} and {other}"));
        }
        matchers
    }

    /// Names of labels, as in `group_by`.
    pub fn label_names(&self, name: &'static str) -> Option<Vec<String>> {
        let names = self.strings(name)?;
        let wrong = |label: &&String| {
            label.trim() != label.as_str() || label.is_empty() || label.contains(char::is_control)
        };
        if let Some(wrong) = names.iter().find(wrong) {
            self.mistake(name, format!("{wrong:?} is not a label name"));
        }
        Some(names)
    }

    /// Names and texts of a table such as `labels`.
    pub fn texts(&self, name: &'static str) -> Vec<(String, String)> {
        let Some(entries) = self.typed(name, "a table of strings", DeValue::as_table) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (key, value) in entries {
            match value.get_ref().as_str() {
                Some(text) => texts.push((key.get_ref().to_string(), text.to_owned())),
                None => self
                    .document
                    .mistake(&value.span(), format!("{name} must be a table of strings")),
            }
        }
        texts
    }

    pub fn table(&self, name: &'static str) -> Option<Table<'d, 't>> {
        let value = self.value(name)?;
        match value.get_ref().as_table() {
            Some(entries) => Some(Table::new(
                self.document,
                entries,
                value.span(),
                name.to_owned(),
            )),
            None => {
                self.mistake(name, format!("{name} must be a table"));
                None
            }
        }
    }

    /// The tables of `[[name]]`.
    pub fn tables(&self, name: &'static str) -> Vec<Table<'d, 't>> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.mistake(
                name,
                format!("{name} must be a list of tables; write [[{name}]]"),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(entries) => tables.push(Table::new(
                    self.document,
                    entries,
                    item.span(),
                    name.to_owned(),
                )),
                None => self
                    .document
                    .mistake(&item.span(), format!("{name} must be a table")),
            }
        }
        tables
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    if let Some(integer) = value.as_integer() {
        return i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .map(|number| number as f64);
    }
    value.as_float()?.as_str().parse().ok()
}
