//! The reference of a role's configuration, generated from its struct: a Markdown page and a
//! commented sample file. `docs/configuration/ROLE.md` is this text, and a test of each role says so.

use std::fmt::Write as _;

use super::RoleConfig;
use super::print::toml_value;
use super::shape::{self, Key, Kind, Section};

/// The Markdown page `docs/configuration/ROLE.md`.
pub fn markdown<C: RoleConfig>() -> String {
    let role = C::ROLE;
    let mut text = format!(
        "# Configuration of watchpost-{role}\n\n\
         Layers, later ones win: defaults, the TOML file (`--config FILE`), the environment, flags (`--set KEY=VALUE`).\n\
         In the environment a key is `WATCHPOST_SECTION__KEY`, or `WATCHPOST_{}__SECTION__KEY` for this role alone.\n\
         `watchpost-{role} check-config` names every mistake at once; `watchpost-{role} print-config` shows what is in effect and where it came from.\n",
        role.to_ascii_uppercase()
    );
    for section in shape::sections::<C>() {
        if section.keys.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {}\n\n", heading(&section));
        if !section.doc.is_empty() && !section.path.is_empty() {
            let _ = write!(text, "{}\n\n", section.doc);
        }
        text.push_str("| key | takes | default | what it does |\n|---|---|---|---|\n");
        for key in &section.keys {
            let name = key.path.last().map_or("", String::as_str);
            let default = toml_value(&key.default)
                .map_or_else(|| "–".to_owned(), |value| format!("`{value}`"));
            let variables: Vec<_> = C::ENVIRONMENT
                .iter()
                .filter(|(_, of)| *of == key.path.join("."))
                .collect();
            let mut doc = key.doc.replace('\n', " ").replace('|', "\\|");
            for (variable, _) in variables {
                let _ = write!(doc, " Also `{variable}`.");
            }
            let _ = writeln!(
                text,
                "| `{name}` | {} | {default} | {doc} |",
                takes(&key.kind)
            );
        }
    }
    text
}

/// A sample file: every key with its default, commented out under its explanation.
pub fn sample<C: RoleConfig>() -> String {
    let mut text = format!(
        "# watchpost-{}.toml: every key with its default.\n",
        C::ROLE
    );
    for section in shape::sections::<C>() {
        if section.keys.is_empty() || section.path.iter().any(|name| name == "[]") {
            continue;
        }
        if !section.path.is_empty() {
            let _ = write!(
                text,
                "\n{}[{}]\n",
                comment(&section.doc),
                section.path.join(".")
            );
        }
        for key in &section.keys {
            let name = key.path.last().map_or("", String::as_str);
            let value = toml_value(&key.default).unwrap_or_else(|| "\"\"".to_owned());
            let _ = write!(text, "\n{}# {name} = {value}\n", comment(&key.doc));
        }
    }
    text
}

/// Sections whose structs take unknown keys in silence; a test of each role asserts there is none.
pub fn open_sections<C: RoleConfig>() -> Vec<String> {
    shape::sections::<C>()
        .iter()
        .filter(|section| !section.closed)
        .map(heading)
        .collect()
}

/// Keys without an explanation; a test of each role asserts there is none.
pub fn undocumented_keys<C: RoleConfig>() -> Vec<String> {
    let without = |key: &&Key| key.doc.is_empty();
    let sections = shape::sections::<C>();
    sections
        .iter()
        .flat_map(|section| &section.keys)
        .filter(without)
        .map(|key| key.path.join("."))
        .collect()
}

fn heading(section: &Section) -> String {
    match section.path.split_last() {
        None => "Top level".to_owned(),
        Some((last, outer)) if last == "[]" => format!("[[{}]]", outer.join(".")),
        Some(_) => format!("[{}]", section.path.join(".")),
    }
}

fn comment(doc: &str) -> String {
    doc.lines()
        .map(|line| format!("# {line}").trim_end().to_owned() + "\n")
        .collect()
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Boolean => "true or false".into(),
        Kind::Integer => "whole number".into(),
        Kind::Number => "number".into(),
        Kind::Duration => "duration".into(),
        Kind::Bytes => "size".into(),
        Kind::Secret => "secret".into(),
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::List(element) if **element == Kind::Table => "list of tables".into(),
        Kind::List(element) => format!("list of {}", takes(element)),
        Kind::Table => "table".into(),
    }
}
