//! The script of a check: its query without its yield, a function for each level, and `monitor.check`.

use serde_json::Value;
use watchpost_flux::syntax::ast::{
    BinaryOperator, Expression, ExpressionKind, File, LogicalOperator, Property, StatementKind,
};
use watchpost_flux::syntax::walk::{Node, walk_file};
use watchpost_flux::syntax::{self, format};

use crate::alerting::{record, task_option, template};
use crate::meta::Check;

/// The levels in the order in which they are tried.
const LEVELS: [&str; 4] = ["crit", "warn", "info", "ok"];

/// The script of a check.
///
/// # Errors
/// Its query cannot be parsed or is no pipeline, or its settings lack something.
pub fn check_script(check: &Check) -> Result<String, String> {
    let settings = &check.settings;
    let text = |member: &str| {
        settings
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let query = settings
        .get("query")
        .and_then(|query| query.get("text"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (file, diagnostics) = syntax::parse(query);
    if let Some(first) = diagnostics.first() {
        return Err(format!("loc {}: {}\n", first.span, first.message));
    }
    let is_deadman = text("type") == "deadman";
    let every = text("every");
    let offset = settings.get("offset").and_then(Value::as_str);
    let since = if is_deadman { text("staleTime") } else { every };
    let data = data(&file, since, (!is_deadman).then_some(every))?;
    let levels = if is_deadman {
        vec![(
            text("level").to_lowercase(),
            "(r) => r[\"dead\"]".to_owned(),
        )]
    } else {
        thresholds(settings.get("thresholds"), &field(settings, &file))
    };
    let mut script = String::from("import \"influxdata/influxdb/monitor\"\n");
    if is_deadman {
        script.push_str("import \"experimental\"\n");
    }
    script.push_str("import \"influxdata/influxdb/v1\"\n\n");
    script.push_str(&data);
    script.push('\n');
    script.push_str(&task_option(&check.name, every, offset));
    script.push_str(&format!("\ncheck = {}\n", about(check)));
    for (level, function) in &levels {
        script.push_str(&format!("{level} = {function}\n"));
    }
    script.push_str(&format!(
        "messageFn = (r) => {}\n\n",
        template(text("statusMessageTemplate"))
    ));
    script.push_str("data\n    |> v1[\"fieldsAsCols\"]()\n");
    if is_deadman {
        let since = text("timeSince");
        script.push_str(&format!(
            "    |> monitor[\"deadman\"](t: experimental[\"subDuration\"](from: now(), d: {since}))\n"
        ));
    }
    script.push_str(&check_call(&levels));
    Ok(script)
}

/// What a check's statuses say of the check itself, its tags included.
fn about(check: &Check) -> String {
    let settings = &check.settings;
    let tags = settings
        .get("tags")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let tags: Vec<String> = tags
        .iter()
        .filter_map(|tag| Some((tag.get("key")?.as_str()?, tag.get("value")?.as_str()?)))
        .map(|(key, value)| format!("{}: {}", label(key), format::quote(value)))
        .collect();
    let kind = settings
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    record(&[
        ("_check_id", format::quote(&check.id.to_string())),
        ("_check_name", format::quote(&check.name)),
        ("_type", format::quote(kind)),
        ("tags", format!("{{{}}}", tags.join(", "))),
    ])
}

/// The call of `monitor.check`: more than four arguments come a line each.
fn check_call(levels: &[(String, String)]) -> String {
    let mut arguments = vec!["data: check".to_owned(), "messageFn: messageFn".to_owned()];
    arguments.extend(levels.iter().map(|(level, _)| format!("{level}: {level}")));
    if arguments.len() <= 4 {
        return format!("    |> monitor[\"check\"]({})\n", arguments.join(", "));
    }
    let lines: String = arguments
        .iter()
        .map(|argument| format!("        {argument},\n"))
        .collect();
    format!("    |> monitor[\"check\"](\n{lines}    )\n")
}

/// A key of a record, in quotes if it is no name.
fn label(key: &str) -> String {
    let is_name = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !key.starts_with(|c: char| c.is_ascii_digit());
    if is_name && !key.is_empty() {
        key.to_owned()
    } else {
        format::quote(key)
    }
}

/// `data = …`: the query's pipeline over the check's own time, aggregated by its own interval; a deadman's is raw.
fn data(file: &File, since: &str, every: Option<&str>) -> Result<String, String> {
    let pipeline = file
        .body
        .iter()
        .rev()
        .find_map(|statement| match &statement.kind {
            StatementKind::Expression(expression) => Some(expression),
            _ => None,
        });
    let mut steps = Vec::new();
    flatten(pipeline.ok_or("the query has no pipeline\n")?, &mut steps);
    let mut data = String::from("data =\n");
    for step in steps {
        let text = match called(step) {
            Some("yield") => continue,
            Some("range") => format!("range(start: -{since})"),
            Some("aggregateWindow") => match every {
                None => continue,
                Some(every) => with_argument(step, "every", every),
            },
            _ => format::format_expression(step),
        };
        data.push_str(if data.ends_with("=\n") {
            "    "
        } else {
            "        |> "
        });
        data.push_str(&text);
        data.push('\n');
    }
    Ok(data)
}

fn flatten<'e>(expression: &'e Expression, steps: &mut Vec<&'e Expression>) {
    match &expression.kind {
        ExpressionKind::Pipe {
            source,
            destination,
        } => {
            flatten(source, steps);
            steps.push(destination);
        }
        _ => steps.push(expression),
    }
}

fn called(step: &Expression) -> Option<&str> {
    match &step.kind {
        ExpressionKind::Call(call) => match &call.callee.kind {
            ExpressionKind::Identifier(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// A call with one argument's value replaced.
fn with_argument(step: &Expression, name: &str, value: &str) -> String {
    let ExpressionKind::Call(call) = &step.kind else {
        return format::format_expression(step);
    };
    let argument = |property: &Property| {
        let key = property.key.name.as_ref();
        match &property.value {
            _ if key == name => format!("{key}: {value}"),
            Some(value) => format!("{key}: {}", format::format_expression(value)),
            None => key.to_owned(),
        }
    };
    let arguments: Vec<String> = call.arguments.iter().map(argument).collect();
    format!(
        "{}({})",
        format::format_expression(&call.callee),
        arguments.join(", ")
    )
}

/// The field that thresholds are compared with: the builder's, else the one that the query filters by.
fn field(settings: &serde_json::Map<String, Value>, file: &File) -> String {
    let builder = settings
        .get("query")
        .and_then(|query| query.pointer("/builderConfig/tags"))
        .and_then(Value::as_array);
    let chosen = builder
        .into_iter()
        .flatten()
        .find(|tag| tag.get("key").and_then(Value::as_str) == Some("_field"));
    let chosen = chosen
        .and_then(|tag| tag.pointer("/values/0"))
        .and_then(Value::as_str);
    if let Some(chosen) = chosen {
        return chosen.to_owned();
    }
    let mut found = None;
    walk_file(file, &mut |node| {
        if let Node::Expression(expression) = node {
            found = found.take().or_else(|| compared_field(expression));
        }
    });
    found.unwrap_or_else(|| "_value".to_owned())
}

/// `X` of `r._field == "X"`.
fn compared_field(expression: &Expression) -> Option<String> {
    if let ExpressionKind::Logical {
        operator: LogicalOperator::And,
        operands,
    } = &expression.kind
    {
        return operands.iter().find_map(compared_field);
    }
    let ExpressionKind::Binary {
        operator: BinaryOperator::Equal,
        left,
        right,
    } = &expression.kind
    else {
        return None;
    };
    match (&left.kind, &right.kind) {
        (ExpressionKind::Member { property, .. }, ExpressionKind::String(text))
            if property.name.as_ref() == "_field" =>
        {
            Some(text.to_string())
        }
        _ => None,
    }
}

/// A function for each level that has a threshold.
fn thresholds(thresholds: Option<&Value>, field: &str) -> Vec<(String, String)> {
    let thresholds = thresholds
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut levels = Vec::new();
    for level in LEVELS {
        for threshold in thresholds {
            let text = |member: &str| {
                threshold
                    .get(member)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            if !text("level").eq_ignore_ascii_case(level) {
                continue;
            }
            let number =
                |member: &str| float(threshold.get(member).and_then(Value::as_f64).unwrap_or(0.0));
            let value = format!("r[{}]", format::quote(field));
            let within = threshold
                .get("within")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            let test = match text("type") {
                "greater" => format!("{value} > {}", number("value")),
                "lesser" => format!("{value} < {}", number("value")),
                _ if within => format!(
                    "{value} < {} and {value} > {}",
                    number("max"),
                    number("min")
                ),
                _ => format!("{value} < {} or {value} > {}", number("min"), number("max")),
            };
            levels.push((level.to_owned(), format!("(r) => {test}")));
            break;
        }
    }
    levels
}

/// A float as a literal: always with a point.
fn float(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{number:.1}")
    } else {
        number.to_string()
    }
}
