//! Whether two answers say the same.

use serde_json::Value;

/// Floats that are equal but for the order in which they were summed.
const RELATIVE: f64 = 1e-9;

/// In what two answers differ, if they do. The words of an error may differ, whether there is one may not.
pub(super) fn difference(expected: &(u16, Value), given: &(u16, Value)) -> Option<String> {
    if expected.0 != given.0 {
        return Some(format!("status {} beside, {} here", expected.0, given.0));
    }
    let results = |answer: &Value| answer["results"].as_array().cloned().unwrap_or_default();
    let (theirs, ours) = (results(&expected.1), results(&given.1));
    if theirs.len() != ours.len() {
        return Some("number of results".to_owned());
    }
    theirs
        .iter()
        .zip(&ours)
        .find_map(|(left, right)| of_result(left, right))
}

fn of_result(left: &Value, right: &Value) -> Option<String> {
    match (left.get("error"), right.get("error")) {
        (Some(_), Some(_)) => return None,
        (Some(_), None) => return Some("an error beside alone".to_owned()),
        (None, Some(_)) => return Some("an error here alone".to_owned()),
        (None, None) => {}
    }
    let series = |result: &Value| result["series"].as_array().cloned().unwrap_or_default();
    let (left, right) = (series(left), series(right));
    if left.len() != right.len() {
        return Some("number of series".to_owned());
    }
    left.iter()
        .zip(&right)
        .find_map(|(left, right)| of_series(left, right))
}

fn of_series(left: &Value, right: &Value) -> Option<String> {
    for part in ["name", "tags", "columns"] {
        if left[part] != right[part] {
            return Some(part.to_owned());
        }
    }
    let rows = |series: &Value| series["values"].as_array().cloned().unwrap_or_default();
    let (left, right) = (rows(left), rows(right));
    if left.len() != right.len() {
        return Some("number of rows".to_owned());
    }
    let same = |left: &Value, right: &Value| {
        let cells = |row: &Value| row.as_array().cloned().unwrap_or_default();
        let (left, right) = (cells(left), cells(right));
        left.len() == right.len()
            && left
                .iter()
                .zip(&right)
                .all(|(left, right)| is_same(left, right))
    };
    if left
        .iter()
        .zip(&right)
        .all(|(left, right)| same(left, right))
    {
        return None;
    }
    let is_moved = left
        .iter()
        .all(|row| right.iter().any(|other| same(row, other)));
    Some(if is_moved { "order of rows" } else { "values" }.to_owned())
}

fn is_same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => {
            left == right || (left - right).abs() <= RELATIVE * left.abs().max(right.abs())
        }
        _ => left == right,
    }
}
