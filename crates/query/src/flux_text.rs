//! Pieces of Flux text that input cannot break out of. Prefer parameters where a query is sent, which keep
//! values out of the text altogether; this is for questions and for text that is stored (tasks, checks).

use std::fmt::Write as _;

use crate::quoted::quoted;

/// A string literal: quotes, backslashes, line breaks and `${` (interpolation) are escaped.
pub fn string(text: &str) -> String {
    quoted(text).replace("${", "\\${")
}

/// An array of string literals.
pub fn strings<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let literals: Vec<String> = texts
        .into_iter()
        .map(|text| string(text.as_ref()))
        .collect();
    format!("[{}]", literals.join(", "))
}

/// A time literal of nanoseconds since 1970.
pub fn time(nanoseconds: i64) -> String {
    watchpost_core::time::format_rfc3339(nanoseconds)
}

/// A float literal; `None` for NaN and the infinities, which Flux cannot write.
pub fn float(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    // `Display` of f64 never uses an exponent, which Flux does not know either.
    let text = value.to_string();
    Some(if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    })
}

/// A duration literal: `1m30s`.
pub fn duration(length: std::time::Duration) -> String {
    watchpost_core::duration::Duration::from_std(length).to_string()
}

/// A condition on a record: `r["host"] == "a"`.
pub fn equals(column: &str, value: &str) -> String {
    format!("r[{}] == {}", string(column), string(value))
}

/// `(r["host"] == "a" or r["host"] == "b")`; `false` for no values, so that an empty choice selects nothing.
pub fn one_of<T: AsRef<str>>(column: &str, values: impl IntoIterator<Item = T>) -> String {
    let conditions: Vec<String> = values
        .into_iter()
        .map(|value| equals(column, value.as_ref()))
        .collect();
    if conditions.is_empty() {
        "false".to_owned()
    } else {
        format!("({})", conditions.join(" or "))
    }
}

/// A regular expression literal that matches `text` and nothing else within a string.
pub fn regex_quoted(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '/' => pattern.push_str("\\/"),
            '\n' => pattern.push_str("\\n"),
            '\r' => pattern.push_str("\\r"),
            c if "\\.+*?()|[]{}^$".contains(c) => {
                let _ = write!(pattern, "\\{c}");
            }
            other => pattern.push(other),
        }
    }
    pattern
}
