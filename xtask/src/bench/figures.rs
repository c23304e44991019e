//! The figures that a bench prints, and how they stand on the page.
//!
//! A bench prints one object `{"benchmark": NAME, "figures": [{"name", "value", "unit", "target"}]}`, where
//! `target` may be missing, or an object of `{"value", "unit"}` by name. What it prints for people
//! is quoted as it is.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// A measured figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: f64,
    #[serde(default)]
    pub(super) unit: String,
    /// What is promised at most, a number, or a text.
    #[serde(default)]
    pub(super) target: Option<Value>,
}

impl Figure {
    pub(super) fn new(name: &str, value: f64, unit: &str) -> Self {
        Self {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            target: None,
        }
    }
}

/// The figures of a bench's output: its JSON objects, whatever stands beside them; `None` when there are none.
pub(super) fn of_output(text: &str) -> Result<Option<Vec<Figure>>> {
    let mut found = None;
    let mut rest = text;
    // An object begins a line of its own.
    while let Some(start) = rest
        .match_indices('{')
        .map(|(at, _)| at)
        .find(|at| rest[..*at].ends_with('\n') || *at == 0)
    {
        let mut objects = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<Value>();
        let value = objects.next().context("an object without end")?;
        let value = value.context("its output is no JSON")?;
        found.get_or_insert_with(Vec::new).extend(of_object(value)?);
        rest = &rest[start + objects.byte_offset()..];
    }
    Ok(found)
}

/// The figures of an object: its array of them, or each of its keys with `{"value", "unit"}`.
fn of_object(value: Value) -> Result<Vec<Figure>> {
    let Value::Object(mut object) = value else {
        return Ok(Vec::new());
    };
    if let Some(figures) = object.remove("figures") {
        return serde_json::from_value(figures)
            .context("`figures` is not an array of name, value, unit");
    }
    object
        .into_iter()
        .map(|(name, value)| {
            let mut figure = match value {
                Value::Object(about) => about,
                _ => bail!("{name} has no `value`"),
            };
            figure.insert("name".to_owned(), Value::String(name));
            serde_json::from_value(Value::Object(figure)).context("a figure without value")
        })
        .collect()
}

/// A table; the column of targets only where there are any.
pub(super) fn markdown(figures: &[Figure]) -> String {
    let targets = figures.iter().any(|figure| figure.target.is_some());
    let (head, line) = if targets {
        (" at most |", "---:|")
    } else {
        ("", "")
    };
    let mut text = format!("| figure | value | unit |{head}\n|---|---:|---|{line}\n");
    for figure in figures {
        let Figure {
            name,
            value,
            unit,
            target,
        } = figure;
        let value = self::number(*value);
        text += &format!(
            "| {} | {value} | {unit} |",
            name.replace('|', "\\|").replace('_', " ")
        );
        if targets {
            let target = match target {
                None => String::new(),
                Some(Value::Number(limit)) => limit.as_f64().map_or_else(String::new, self::number),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            text += &format!(" {target} |");
        }
        text += "\n";
    }
    text
}

/// Three digits that count; thousands apart.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => grouped(value.round()),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Figure, markdown, number, of_output};

    #[test]
    fn numbers_are_as_exact_as_they_matter() {
        let told: Vec<String> = [1_234_567.8, 123.4, 12.34, 1.234, 0.0123, 5.0, 0.0]
            .map(number)
            .into();
        assert_eq!(
            told,
            ["1,234,568", "123", "12.3", "1.23", "0.0123", "5", "0"]
        );
    }

    #[test]
    fn what_a_bench_prints_becomes_a_table() {
        let text = "listening\n{\"benchmark\":\"web\",\"figures\":[\n\
            {\"name\":\"page_p50\",\"value\":1.5,\"unit\":\"ms\",\"target\":20},{\"name\":\"size\",\"value\":2}]}\n";
        let figures = of_output(text)
            .expect("it is the agreed shape")
            .expect("there are some");
        assert_eq!(
            markdown(&figures),
            "| figure | value | unit | at most |\n|---|---:|---|---:|\n| page p50 | 1.50 | ms | 20 |\n| size | 2 |  |  |\n"
        );
    }

    #[test]
    fn figures_may_be_keys_with_a_value_and_a_unit() {
        let text = "{\"peak of memory\":{\"value\":12.5,\"unit\":\"MB\"}}";
        let figures = of_output(text).expect("readable").expect("there is one");
        assert_eq!(figures, [Figure::new("peak of memory", 12.5, "MB")]);
        let people = of_output("a line for people: 3 s\n").expect("no JSON is no mistake");
        assert_eq!(people, None);
    }

    #[test]
    fn an_output_of_another_shape_is_refused() {
        for text in [
            "{\"a\":1}",
            "{\"figures\":{\"a\":1}}",
            "{\"figures\":[{\"name\":\"a\"}]}",
            "{\"figures\":[",
        ] {
            assert!(of_output(text).is_err(), "{text}");
        }
    }
}
