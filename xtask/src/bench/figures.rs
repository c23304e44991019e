//! The figures that a bench prints, and how they stand on the page.
//!
//! A bench prints one object `{"benchmark": NAME, "figures": [{"name", "value", "unit", "target"}]}`;
//! `target` is a text and may be missing.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// A measured figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: f64,
    #[serde(default)]
    pub(super) unit: String,
    /// What it should be: `< 30`.
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

#[derive(Debug, Deserialize)]
struct Output {
    figures: Vec<Figure>,
}

/// The figures of a bench's output: its JSON objects, whatever stands beside them.
pub(super) fn of_output(text: &str) -> Result<Vec<Figure>> {
    let mut found = Vec::new();
    let start = text.find('{').context("no JSON object in its output")?;
    for value in serde_json::Deserializer::from_str(&text[start..]).into_iter::<Output>() {
        found.extend(
            value
                .context("its output is not what xtask/src/bench/figures.rs describes")?
                .figures,
        );
    }
    Ok(found)
}

/// A table; the column of targets only where there are any.
pub(super) fn markdown(figures: &[Figure]) -> String {
    let targets = figures.iter().any(|figure| figure.target.is_some());
    let (head, line) = if targets {
        (" target |", "---|")
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
        let value = number(*value);
        text += &format!(
            "| {} | {value} | {unit} |",
            name.replace('|', "\\|").replace('_', " ")
        );
        if targets {
            let target = match target {
                None => String::new(),
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
    use super::{markdown, number, of_output};

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
            {\"name\":\"page_p50\",\"value\":1.5,\"unit\":\"ms\",\"target\":\"< 20\"},{\"name\":\"size\",\"value\":2}]}\n";
        let figures = of_output(text).expect("it is the agreed shape");
        assert_eq!(
            markdown(&figures),
            "| figure | value | unit | target |\n|---|---:|---|---|\n| page p50 | 1.50 | ms | < 20 |\n| size | 2 |  |  |\n"
        );
    }

    #[test]
    fn an_output_of_another_shape_is_refused() {
        for text in [
            "",
            "nothing",
            "{\"figures\":{\"a\":1}}",
            "{\"figures\":[{\"name\":\"a\"}]}",
        ] {
            assert!(of_output(text).is_err(), "{text}");
        }
    }
}
