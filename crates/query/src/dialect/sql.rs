//! SQL of InfluxDB 3: a query for each field, since a table's columns are its fields.
//!
//! An unknown column is an error there, so the table's columns are asked for first ([`schema_text`]).

use std::collections::BTreeMap;

use serde_json::Value as Json;
use watchpost_core::time::{NANOS_PER_SECOND, format_rfc3339};

use crate::reader::ReadError;
use crate::{Ask, Condition, Group, Matcher, Question, Selection, Statistic};

/// The columns of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    pub tags: Vec<String>,
    /// Each with its type, as the server names it.
    pub fields: BTreeMap<String, String>,
}

/// The type of a tag's column.
const TAG_TYPE: &str = "Dictionary(Int32, Utf8)";

/// Asks for a table's columns. A table that does not exist has none.
pub fn schema_text(measurement: &str) -> String {
    format!(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = {} ORDER BY column_name",
        string(measurement)
    )
}

impl Schema {
    /// What a table would have that holds what a question names: for showing its text.
    pub fn named_by(question: &Question) -> Schema {
        let mut schema = Schema::default();
        for selection in &question.selections {
            let fields = selection
                .fields
                .iter()
                .map(|field| (field.clone(), "Float64".to_owned()));
            schema.fields.extend(fields);
            schema
                .tags
                .extend(selection.matchers.iter().map(|matcher| matcher.tag.clone()));
        }
        if let Group::By(tags) = &question.group {
            schema.tags.extend(tags.iter().cloned());
        }
        schema.tags.push("host".to_owned());
        schema.tags.sort_unstable();
        schema.tags.dedup();
        schema
    }

    /// Reads the answer to [`schema_text`], in JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn read(body: &[u8]) -> Result<Schema, ReadError> {
        let form = |reason: &str| ReadError::form("JSON as InfluxDB 3 answers", reason, body);
        let rows: Vec<Json> =
            serde_json::from_slice(body).map_err(|error| form(&error.to_string()))?;
        let mut schema = Schema::default();
        for row in &rows {
            let cell = |name: &str| row.get(name).and_then(Json::as_str);
            let (Some(name), Some(kind)) = (cell("column_name"), cell("data_type")) else {
                return Err(form("a row without column_name and data_type"));
            };
            match kind {
                TAG_TYPE => schema.tags.push(name.to_owned()),
                _ if name == "time" => {}
                _ => drop(schema.fields.insert(name.to_owned(), kind.to_owned())),
            }
        }
        Ok(schema)
    }
}

/// One query; its rows are of this field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub field: String,
    pub text: String,
}

/// Whether a question is answered from the points themselves.
pub(crate) fn needs_points(question: &Question) -> bool {
    let from_points = |how: &Statistic| {
        matches!(
            how,
            Statistic::MedianDeviation | Statistic::Increase | Statistic::Rate
        )
    };
    matches!(question.ask, Ask::Sliding { .. }) || question.statistics().iter().any(from_points)
}

/// The queries of a question; none of fields that the table has not.
pub fn queries(question: &Question, schema: &Schema) -> Vec<Query> {
    if needs_points(question) {
        return queries(&question.points(), schema);
    }
    if let Ask::TagValues { tag } = &question.ask {
        return names(question, schema, tag).into_iter().collect();
    }
    let asked = |field: &&String| {
        let selects =
            |selection: &Selection| selection.fields.is_empty() || selection.fields.contains(field);
        question.selections.is_empty() || question.selections.iter().any(selects)
    };
    // Of texts and truths there are no statistics, as where every field is asked for.
    let has_statistics = !question.statistics().is_empty();
    let is_number = |kind: &str| matches!(kind, "Float64" | "Int64" | "UInt64");
    let fields = schema.fields.iter();
    fields
        .filter(|(_, kind)| !has_statistics || is_number(kind))
        .map(|(field, _)| field)
        .filter(asked)
        .map(|field| Query {
            field: field.clone(),
            text: of_field(question, schema, field),
        })
        .collect()
}

fn of_field(question: &Question, schema: &Schema, field: &str) -> String {
    let text = Text::new(question, schema, field);
    match &question.ask {
        Ask::Newest | Ask::NewestOfEach { .. } => text.selected("last"),
        Ask::Oldest => text.selected("first"),
        Ask::Line => text.line(question.range.stop),
        Ask::Rows { limit } => text.rows(*limit),
        Ask::Top { statistic, count } => {
            let all = text.statistics(&[*statistic]);
            let value = format!("_{}", statistic.name());
            format!("SELECT * FROM ({all}) ORDER BY {value} DESC NULLS LAST LIMIT {count}")
        }
        _ => text.statistics(question.statistics()),
    }
}

/// The parts of a query about one field.
struct Text {
    column: String,
    tags: Vec<String>,
    /// The start of a point's window, where windows are asked for.
    bin: Option<String>,
    /// The table, the range and the conditions.
    source: String,
}

impl Text {
    fn new(question: &Question, schema: &Schema, field: &str) -> Text {
        let wanted = |tag: &&String| match &question.group {
            Group::By(tags) => tags.contains(tag),
            Group::Series => true,
        };
        let every = match question.ask {
            Ask::Windows { every, .. } | Ask::NewestOfEach { every } => Some(every),
            _ => None,
        };
        Text {
            column: name(field),
            tags: schema
                .tags
                .iter()
                .filter(wanted)
                .map(|tag| name(tag))
                .collect(),
            bin: every.map(|every| format!("date_bin({}, time)", interval(every))),
            source: source(question, schema, field),
        }
    }

    /// The list of tags, the window and values.
    fn list(&self, values: &[String]) -> String {
        let bin = self.bin.iter().map(|bin| format!("{bin} AS _bin"));
        let all = self
            .tags
            .iter()
            .cloned()
            .chain(bin)
            .chain(values.iter().cloned());
        all.collect::<Vec<_>>().join(", ")
    }

    /// One row for each series, group or window.
    fn grouped(&self, values: &[String]) -> String {
        let by: Vec<String> = self.tags.iter().chain(&self.bin).cloned().collect();
        let group = match by.is_empty() {
            true => String::new(),
            false => format!(" GROUP BY {}", by.join(", ")),
        };
        format!("SELECT {}{}{group}", self.list(values), self.source)
    }

    /// The first or the last point, with its time.
    fn selected(&self, which: &str) -> String {
        let point = format!("selector_{which}({}, time)", self.column);
        self.grouped(&[
            format!("{point}['time'] AS _time"),
            format!("{point}['value'] AS _value"),
        ])
    }

    fn line(&self, stop: i64) -> String {
        let x = format!("(time::bigint - {stop}) / 1e9");
        let y = self.double();
        self.grouped(&[
            format!("regr_slope({y}, {x}) AS slope"),
            format!("regr_intercept({y}, {x}) AS at_stop"),
        ])
    }

    fn rows(&self, limit: Option<usize>) -> String {
        let mut values = vec![
            "time AS _time".to_owned(),
            format!("{} AS _value", self.column),
        ];
        let Some(limit) = limit else {
            return format!("SELECT {}{} ORDER BY time", self.list(&values), self.source);
        };
        let partition = match self.tags.is_empty() {
            true => String::new(),
            false => format!("PARTITION BY {} ", self.tags.join(", ")),
        };
        values.push(format!(
            "row_number() OVER ({partition}ORDER BY time) AS _row"
        ));
        format!(
            "SELECT * FROM (SELECT {}{}) WHERE _row <= {limit} ORDER BY _time",
            self.list(&values),
            self.source
        )
    }

    /// Each statistic as a column of its name. Quantiles are made of the sorted values: the server's own
    /// only estimates.
    fn statistics(&self, asked: &[Statistic]) -> String {
        let mut values: Vec<String> = asked.iter().filter_map(|how| self.value(*how)).collect();
        let quantiles: Vec<String> = asked
            .iter()
            .filter_map(|how| Some(format!("{} AS _{}", quantile(*how)?, how.name())))
            .collect();
        if quantiles.is_empty() {
            return self.grouped(&values);
        }
        // The outer list names what the inner one made; the sorted list itself is not answered.
        let named = values.iter().filter_map(|value| value.rsplit_once(" AS "));
        let named = named.map(|(_, name)| name.to_owned());
        let bin = self.bin.iter().map(|_| "_bin".to_owned());
        let outer = self.tags.iter().cloned().chain(bin).chain(named);
        let outer: Vec<String> = outer.chain(quantiles).collect();
        let double = self.double();
        values.push(format!("count({}) AS _n", self.column));
        values.push(format!("array_agg({double} ORDER BY {double}) AS _sorted"));
        format!(
            "SELECT {} FROM ({})",
            outer.join(", "),
            self.grouped(&values)
        )
    }

    fn value(&self, how: Statistic) -> Option<String> {
        let (column, double) = (&self.column, self.double());
        let expression = match how {
            Statistic::Mean => format!("avg({double})"),
            Statistic::Min => format!("min({column})"),
            Statistic::Max => format!("max({column})"),
            Statistic::Sum => format!("sum({double})"),
            Statistic::Count => format!("count({column})"),
            Statistic::First => format!("selector_first({column}, time)['value']"),
            Statistic::Last => format!("selector_last({column}, time)['value']"),
            Statistic::Deviation => format!("stddev_samp({double})"),
            _ => return None,
        };
        Some(format!("{expression} AS _{}", how.name()))
    }

    fn double(&self) -> String {
        format!("CAST({} AS DOUBLE)", self.column)
    }
}

/// Between the two nearest of the sorted values.
fn quantile(how: Statistic) -> Option<String> {
    let q = match how {
        Statistic::P95 => "0.95",
        Statistic::Median => "0.5",
        _ => return None,
    };
    let rank = format!("{q} * (_n - 1)");
    let low = format!("_sorted[CAST(floor({rank}) AS BIGINT) + 1]");
    let high = format!("_sorted[least(CAST(floor({rank}) AS BIGINT) + 2, _n)]");
    Some(format!(
        "{low} + ({rank} - floor({rank})) * ({high} - {low})"
    ))
}

/// The table, the range and the conditions.
fn source(question: &Question, schema: &Schema, field: &str) -> String {
    let mut any: Vec<String> = Vec::new();
    for selection in &question.selections {
        if !selection.fields.is_empty() && !selection.fields.iter().any(|own| own == field) {
            continue;
        }
        let text = conditions(&selection.matchers, schema);
        if !any.contains(&text) {
            any.push(text);
        }
    }
    let which = match &any[..] {
        [] => String::new(),
        [only] if only.is_empty() => String::new(),
        [only] => format!(" AND {only}"),
        several if several.iter().any(String::is_empty) => String::new(),
        several => format!(" AND (({}))", several.join(") OR (")),
    };
    format!(
        " FROM {} WHERE {} AND {} IS NOT NULL{which}",
        name(&question.measurement),
        range(question),
        name(field)
    )
}

fn range(question: &Question) -> String {
    format!(
        "time >= {} AND time < {}",
        string(&format_rfc3339(question.range.start)),
        string(&format_rfc3339(question.range.stop))
    )
}

fn names(question: &Question, schema: &Schema, tag: &str) -> Option<Query> {
    if !schema.tags.iter().any(|known| known == tag) {
        return None;
    }
    let any = question.selections.iter().map(|selection| {
        let has = |field: &String| match schema.fields.contains_key(field) {
            true => format!("{} IS NOT NULL", name(field)),
            false => "FALSE".to_owned(),
        };
        let fields: Vec<String> = selection.fields.iter().map(has).collect();
        let fields = match fields.is_empty() {
            true => "TRUE".to_owned(),
            false => format!("({})", fields.join(" OR ")),
        };
        match conditions(&selection.matchers, schema) {
            none if none.is_empty() => fields,
            some => format!("{fields} AND {some}"),
        }
    });
    let any: Vec<String> = any.collect();
    let which = match any.is_empty() {
        true => String::new(),
        false => format!(" AND (({}))", any.join(") OR (")),
    };
    let column = name(tag);
    let text = format!(
        "SELECT DISTINCT {column} AS _value FROM {} WHERE {}{which} AND {column} IS NOT NULL ORDER BY 1",
        name(&question.measurement),
        range(question)
    );
    Some(Query {
        field: String::new(),
        text,
    })
}

fn conditions(matchers: &[Matcher], schema: &Schema) -> String {
    let all: Vec<String> = matchers.iter().map(|it| condition(it, schema)).collect();
    all.join(" AND ")
}

/// A matcher. An absent tag is NULL, with which no comparison is true.
fn condition(matcher: &Matcher, schema: &Schema) -> String {
    if !schema.tags.contains(&matcher.tag) {
        return match matcher.matches_absent() {
            true => "TRUE".to_owned(),
            false => "FALSE".to_owned(),
        };
    }
    let tag = name(&matcher.tag);
    let comparison = match &matcher.condition {
        Condition::Equal(value) if value.is_empty() => return format!("{tag} IS NULL"),
        Condition::NotEqual(value) if value.is_empty() => return format!("{tag} IS NOT NULL"),
        Condition::NotEqual(value) => {
            return format!("{tag} IS DISTINCT FROM {}", string(value));
        }
        Condition::Equal(value) => format!("{tag} = {}", string(value)),
        Condition::Regex(pattern) => format!("{tag} ~ {}", string(&format!("^(?:{pattern})$"))),
        Condition::NotRegex(pattern) => {
            format!("{tag} !~ {}", string(&format!("^(?:{pattern})$")))
        }
        Condition::OneOf(values) if values.is_empty() => return "FALSE".to_owned(),
        Condition::OneOf(values) => {
            let values: Vec<String> = values.iter().map(|value| string(value)).collect();
            format!("{tag} IN ({})", values.join(", "))
        }
    };
    match matcher.matches_absent() {
        true => format!("({comparison} OR {tag} IS NULL)"),
        false => comparison,
    }
}

/// Nanoseconds as an interval: whole seconds, or a fraction of them.
fn interval(length: i64) -> String {
    let (seconds, rest) = (length / NANOS_PER_SECOND, length % NANOS_PER_SECOND);
    match rest {
        0 => format!("INTERVAL '{seconds} seconds'"),
        rest => format!("INTERVAL '{seconds}.{rest:09} seconds'"),
    }
}

/// A name in double quotes: without them it would be read in small letters.
fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
