//! What a rule looks at: bucket, measurement, field, `where`, `group_by`.

use super::reader::Table;
use crate::matcher::Matcher;
use crate::rules::definition::Selector;

/// Columns of the database's own, which are no tags.
const COLUMNS: [&str; 6] = [
    "_field",
    "_measurement",
    "_start",
    "_stop",
    "_time",
    "_value",
];

/// A name of the database's, which is never empty.
pub(super) fn name(table: &Table<'_, '_>, key: &'static str) -> Option<String> {
    let name = table.string(key)?;
    if name.is_empty() {
        table.mistake(key, format!("no {key} has an empty name"));
    }
    Some(name)
}

/// Matchers of tags: columns of the database's own are chosen by settings of the rule.
fn tag_matchers(table: &Table<'_, '_>) -> Vec<Matcher> {
    let matchers = table.matchers("where");
    if let Some(own) = matchers.iter().find(|it| COLUMNS.contains(&&*it.name)) {
        table.mistake(
            "where",
            format!(
                "{own} never holds: {} is not a tag; bucket, measurement and field have settings of their own",
                own.name
            ),
        );
    }
    matchers
}

/// The selector of a rule of a kind; `default` is the bucket and the measurement of a rule that names none.
pub(super) fn selector(
    table: &Table<'_, '_>,
    kind: &str,
    default: (&str, &str),
) -> Option<Selector> {
    let bucket = name(table, "bucket").unwrap_or_else(|| default.0.to_owned());
    let selector = |field| Selector {
        bucket: bucket.clone(),
        measurement: name(table, "measurement").unwrap_or_else(|| default.1.to_owned()),
        field,
        matchers: tag_matchers(table),
        group_by: table.label_names("group_by").unwrap_or_default(),
    };
    if kind == "flux" {
        // The query selects; `where` and the others are unknown here.
        return Some(Selector {
            bucket,
            measurement: String::new(),
            field: String::new(),
            matchers: Vec::new(),
            group_by: Vec::new(),
        });
    }
    let field = name(table, "field");
    let found = selector(field.clone().unwrap_or_default());
    table.required("field", field).map(|_| found)
}
