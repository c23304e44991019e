//! The texts of a rule: `annotations`, `runbook_url`, and `summary`, one text or one for each state.

use std::collections::BTreeMap;

use super::reach;
use super::reader::Table;
use crate::alert::AlertState;
use crate::rules::definition::Rule;
use crate::summary::STATES;
use crate::template::trial;

/// The annotation that people read first.
const SUMMARY: &str = "summary";

/// Templates, each of which is one.
pub(super) struct Texts {
    pub(super) annotations: BTreeMap<String, String>,
    /// Summaries of the states other than firing, by the state's name.
    pub(super) summaries: BTreeMap<String, String>,
}

pub(super) fn read(table: &Table<'_, '_>) -> Texts {
    let mut annotations: BTreeMap<String, String> =
        table.texts("annotations").into_iter().collect();
    let runbook = table.string("runbook_url");
    // A template says what it is where it is filled in.
    let fixed = runbook.as_deref().filter(|text| !text.contains("{{"));
    if let Some(Err(why)) = fixed.map(reach::url) {
        table.mistake("runbook_url", why);
    }
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

/// Renders the texts of a rule for each state that its alert may be in. Each text is a mistake once.
pub(super) fn try_out(table: &Table<'_, '_>, rule: &Rule) {
    let texts = rule.annotations.iter();
    let texts = texts.filter(|(name, _)| *name != SUMMARY);
    for (name, text) in texts.filter(|(_, text)| crate::template::check(text).is_ok()) {
        let failed = STATES.iter().find_map(|state| {
            let error = trial::of_alert(text, rule, *state).err()?;
            Some(format!(
                "{name}: {error}, where the alert is {}",
                state.as_str()
            ))
        });
        if let Some(failed) = failed {
            table.mistake("annotations", failed);
        }
    }
    let mut known = Vec::new();
    for state in STATES {
        let Some(text) = rule.summary_of(state).filter(|text| !known.contains(text)) else {
            continue;
        };
        let is_template = crate::template::check(text).is_ok();
        if let (true, Err(error)) = (is_template, trial::of_alert(text, rule, state)) {
            known.push(text);
            let name = state.as_str();
            table.mistake(
                SUMMARY,
                format!("{SUMMARY}: {error}, where the alert is {name}"),
            );
        }
    }
}
