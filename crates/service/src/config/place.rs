//! Where in a TOML file a key stands, and where a syntax error is.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Line and column of each value of a TOML document, by its dotted key (`rules.0.level`).
#[derive(Debug, Default)]
pub(super) struct Places {
    by_key: BTreeMap<String, (usize, usize)>,
}

impl Places {
    /// Whether `key` itself stands in the file.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// The place of `key`, or of the nearest table around it.
    pub(super) fn find(&self, key: &str) -> Option<(usize, usize)> {
        let mut key = key;
        loop {
            if let Some(place) = self.by_key.get(key) {
                return Some(*place);
            }
            key = &key[..key.rfind('.')?];
        }
    }
}

/// `FILE:LINE:COLUMN` of a dotted key in a text, for problems that are found later than by loading
/// it; `name` is what they call the file, and stands alone where the text is no TOML.
pub fn locate(name: &str, text: &str, key: &str) -> String {
    let place = places(text).ok().and_then(|places| places.find(key));
    place.map_or_else(
        || name.to_owned(),
        |(line, column)| format!("{name}:{line}:{column}"),
    )
}

/// Parses a document for its places. Errors: the message and its line and column.
pub(super) fn places(text: &str) -> Result<Places, (String, (usize, usize))> {
    let lines = Lines::new(text);
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (error.message().to_owned(), lines.place(offset))
    })?;
    let mut places = Places::default();
    visit_table(table.get_ref(), "", &lines, &mut places.by_key);
    Ok(places)
}

fn visit_table(
    table: &DeTable<'_>,
    prefix: &str,
    lines: &Lines,
    found: &mut BTreeMap<String, (usize, usize)>,
) {
    for (key, value) in table {
        let path = join(prefix, key.get_ref());
        // A key's own place is where a reader looks; its value may be on a later line.
        found.insert(path.clone(), lines.place(key.span().start));
        visit_value(value, &path, lines, found);
    }
}

fn visit_value(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    lines: &Lines,
    found: &mut BTreeMap<String, (usize, usize)>,
) {
    match value.get_ref() {
        DeValue::Table(table) => visit_table(table, path, lines, found),
        DeValue::Array(array) => {
            for (index, element) in array.iter().enumerate() {
                let path = join(path, &index.to_string());
                found.insert(path.clone(), lines.place(element.span().start));
                visit_value(element, &path, lines, found);
            }
        }
        _ => {}
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

/// Byte offsets to lines and columns, both from 1; columns count characters.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { text, starts }
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset).unwrap_or("");
        (line, before.chars().count() + 1)
    }
}
