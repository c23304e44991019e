//! The texts of a rule: `annotations`, `runbook_url`, and `summary`, one text or one for each state.

use std::collections::BTreeMap;

use super::reader::Table;
use crate::alert::AlertState;
use crate::summary::STATES;

/// The annotation that people read first.
const SUMMARY: &str = "summary";

/// Templates, each tried out.
pub(super) struct Texts {
    pub(super) annotations: BTreeMap<String, String>,
    /// Summaries of the states other than firing, by the state's name.
    pub(super) summaries: BTreeMap<String, String>,
}

pub(super) fn read(table: &Table<'_, '_>) -> Texts {
    let mut annotations: BTreeMap<String, String> =
        table.texts("annotations").into_iter().collect();
    let runbook = table.string("runbook_url");
    annotations.extend(runbook.map(|text| ("runbook_url".to_owned(), text)));
    let mut summaries = summaries(table);
    let firing = summaries.remove(AlertState::Firing.as_str());
    annotations.extend(firing.map(|text| (SUMMARY.to_owned(), text)));
    for (name, text) in &annotations {
        let key = if name == SUMMARY {
            SUMMARY
        } else {
            "annotations"
        };
        check(table, key, name, text);
    }
    for (state, text) in &summaries {
        check(table, SUMMARY, &format!("{SUMMARY}.{state}"), text);
    }
    Texts {
        annotations,
        summaries,
    }
}

/// `summary = "…"` is of the firing alert; `summary = { firing = "…", resolved = "…" }` names states.
fn summaries(table: &Table<'_, '_>) -> BTreeMap<String, String> {
    if !table.is_table(SUMMARY) {
        let text = table.string(SUMMARY);
        let firing = text.map(|text| (AlertState::Firing.as_str().to_owned(), text));
        return firing.into_iter().collect();
    }
    let Some(by_state) = table.table(SUMMARY) else {
        return BTreeMap::new();
    };
    let texts = STATES.iter().filter_map(|state| {
        let name = state.as_str();
        by_state.string(name).map(|text| (name.to_owned(), text))
    });
    let texts = texts.collect();
    by_state.close();
    texts
}

fn check(table: &Table<'_, '_>, key: &'static str, name: &str, text: &str) {
    if let Err(error) = crate::template::check(text) {
        table.mistake(key, format!("{name}: {error}"));
    }
}
