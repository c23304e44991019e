//! A plan as people read it (in colour on a terminal) and as scripts read it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::plan::{Action, Change, Plan};

/// Texts longer than this are told by their size.
const VALUE_LENGTH_MAX: usize = 300;

/// Whether escape sequences are wanted: only on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    On,
    Off,
}

impl Colour {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Colour::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Colour::Off => text.to_owned(),
        }
    }
}

/// A line per step, its differences below it, and a summary.
#[must_use]
pub fn human(plan: &Plan, colour: Colour) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        writeln!(text, "{}", headline(change, colour)).ok();
        let made = matches!(change.action, Action::Create);
        for it in &change.differences {
            let from = match made {
                true => String::new(),
                false => format!("{} -> ", colour.paint("31", &value(&it.from))),
            };
            let to = match made {
                true => value(&it.to),
                false => colour.paint("32", &value(&it.to)),
            };
            let field = colour.paint("2", &it.field);
            writeln!(text, "      {field}: {from}{to}").ok();
        }
    }
    for note in &plan.notes {
        writeln!(text, "  ! {note}").ok();
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text + &summary(plan) + "\n"
}

/// `+ bucket system_metrics_raw`.
#[must_use]
pub fn headline(change: &Change, colour: Colour) -> String {
    let (sign, code) = match change.action {
        Action::Create => ("+", "32"),
        Action::Update { .. } => ("~", "33"),
        Action::Replace { .. } => ("±", "33"),
        Action::Delete { .. } => ("-", "31"),
    };
    format!(
        "  {} {} {}",
        colour.paint(code, sign),
        change.kind.name(),
        change.name
    )
}

/// How many steps of each kind.
#[must_use]
pub fn summary(plan: &Plan) -> String {
    let unchanged: usize = plan.unchanged.values().sum();
    if plan.is_empty() {
        return format!("Nothing to do: {unchanged} resources are up to date.");
    }
    let count =
        |wanted: fn(&Action) -> bool| plan.changes.iter().filter(|it| wanted(&it.action)).count();
    format!(
        "{} to create, {} to change, {} to replace, {} to delete; {unchanged} up to date.",
        count(|it| matches!(it, Action::Create)),
        count(|it| matches!(it, Action::Update { .. })),
        count(|it| matches!(it, Action::Replace { .. })),
        count(|it| matches!(it, Action::Delete { .. })),
    )
}

/// `{"changes": […], "notes": […], "unchanged": N}`.
#[must_use]
pub fn json(plan: &Plan) -> Value {
    let changes = plan.changes.iter().map(|change| {
        let (action, id) = match &change.action {
            Action::Create => ("create", None),
            Action::Update { id } => ("update", Some(id)),
            Action::Replace { id } => ("replace", Some(id)),
            Action::Delete { id } => ("delete", Some(id)),
        };
        json!({
            "kind": change.kind, "name": change.name, "action": action, "id": id,
            "differences": change.differences,
        })
    });
    json!({
        "changes": changes.collect::<Vec<_>>(),
        "notes": plan.notes,
        "unchanged": plan.unchanged.values().sum::<usize>(),
    })
}

fn value(text: &str) -> String {
    match (text.is_empty(), text.lines().count(), text.chars().count()) {
        (true, ..) => "(none)".to_owned(),
        (_, 1, 0..=VALUE_LENGTH_MAX) => text.to_owned(),
        (_, lines, characters) => format!("({lines} lines, {characters} characters)"),
    }
}
