//! `[route]`, `[[inhibit]]`, `[[mute]]` and `[silences]`.

use std::collections::BTreeMap;

use super::mistake::did_you_mean;
use super::reader::Table;
use crate::matcher::{Matcher, contradiction};
use crate::pipeline::delivery::DeliveryPolicy;
use crate::pipeline::dispatcher::Routing;
use crate::pipeline::inhibition::InhibitRule;
use crate::pipeline::mute::{MuteWindow, TimeWindow, WindowError};
use crate::pipeline::route::{Escalation, GroupBy, Route, RouteTree};
use crate::receivers::settings::ReceiverSettings;

/// Deepest nesting of routes.
const DEPTH_LIMIT: usize = 16;

struct Known<'a> {
    receivers: &'a BTreeMap<String, ReceiverSettings>,
    windows: BTreeMap<String, MuteWindow>,
}

pub(super) fn read(
    root: &Table<'_, '_>,
    receivers: &BTreeMap<String, ReceiverSettings>,
) -> Routing {
    let known = Known {
        receivers,
        windows: mute_windows(root),
    };
    let inhibit = inhibit_rules(root);
    let table = root.table("route");
    let route = match root.required("route", table) {
        Some(mut table) => {
            table.what = "route".to_owned();
            for forbidden in ["match", "continue", "mute", "active"] {
                if table.has(forbidden) {
                    table.mistake(
                        forbidden,
                        format!("the root route takes all alerts; it cannot have {forbidden}"),
                    );
                }
            }
            if !table.has("receiver") {
                table.mistake("receiver", "the root route needs a receiver");
            }
            route(table, &Route::to(""), &[], &known, 0)
        }
        None => Route::to(""),
    };
    let policies: BTreeMap<String, DeliveryPolicy> = receivers
        .iter()
        .map(|(name, settings)| (name.clone(), settings.policy.clone()))
        .collect();
    Routing {
        routes: RouteTree::new(route),
        inhibit,
        policies,
        silence_notice: root.table("silences").and_then(|mut table| {
            table.what = "silences".to_owned();
            let notice = table.positive_duration("notice");
            table.close();
            notice
        }),
    }
}

/// `asked` are the matchers of the routes above.
fn route(
    table: Table<'_, '_>,
    parent: &Route,
    asked: &[Matcher],
    known: &Known<'_>,
    depth: usize,
) -> Route {
    let receiver = receiver(&table, "receiver", table.string("receiver"), known);
    let group_by = table
        .label_names("group_by")
        .map(|names| match names.as_slice() {
            [all] if all == "..." => GroupBy::All,
            _ => GroupBy::Labels(names),
        });
    let mut own = Route {
        receiver: receiver.unwrap_or_else(|| parent.receiver.clone()),
        matchers: table.matchers("match"),
        group_by: group_by.unwrap_or_else(|| parent.group_by.clone()),
        group_wait: table.duration("group_wait").unwrap_or(parent.group_wait),
        group_interval: table
            .positive_duration("group_interval")
            .unwrap_or(parent.group_interval),
        repeat_interval: table
            .positive_duration("repeat_interval")
            .unwrap_or(parent.repeat_interval),
        proceeds: table.boolean("continue").unwrap_or(false),
        mute: windows(&table, "mute", known),
        active: windows(&table, "active", known),
        escalation: escalation(&table, known),
        routes: Vec::new(),
    };
    let reached = [asked, own.matchers.as_slice()].concat();
    if contradiction(&own.matchers).is_none()
        && let Some((above, here)) = contradiction(&reached)
    {
        let message = format!(
            "no alert reaches this route: {here} and {above} of a route above never match together"
        );
        table.mistake("match", message);
    }
    for child in table.tables("routes") {
        if depth >= DEPTH_LIMIT {
            child.document.mistake(
                &child.span,
                format!("routes are nested deeper than {DEPTH_LIMIT}"),
            );
            break;
        }
        own.routes
            .push(route(child, &own, &reached, known, depth + 1));
    }
    table.close();
    own
}

fn receiver(
    table: &Table<'_, '_>,
    name: &'static str,
    receiver: Option<String>,
    known: &Known<'_>,
) -> Option<String> {
    let receiver = receiver?;
    if !known.receivers.contains_key(&receiver) {
        let near = did_you_mean(&receiver, known.receivers.keys().map(String::as_str));
        table.mistake(name, format!("there is no receiver {receiver:?}{near}"));
    }
    Some(receiver)
}

fn escalation(table: &Table<'_, '_>, known: &Known<'_>) -> Option<Escalation> {
    let mut inner = table.table("escalation")?;
    inner.what = "escalation".to_owned();
    let name = receiver(&inner, "receiver", inner.string("receiver"), known);
    let name = inner.required("receiver", name);
    let after = inner.positive_duration("after");
    let after = inner.required("after", after);
    inner.close();
    Some(Escalation {
        after: after?,
        receiver: name?,
    })
}

fn windows(table: &Table<'_, '_>, name: &'static str, known: &Known<'_>) -> Vec<MuteWindow> {
    table.parsed(name, |window| {
        known.windows.get(window).cloned().ok_or_else(|| {
            let near = did_you_mean(window, known.windows.keys().map(String::as_str));
            format!("there is no [[mute]] window named {window:?}{near}")
        })
    })
}

fn inhibit_rules(root: &Table<'_, '_>) -> Vec<InhibitRule> {
    let mut rules = Vec::new();
    for (index, mut table) in root.tables("inhibit").into_iter().enumerate() {
        table.what = "inhibit".to_owned();
        let name = table
            .string("name")
            .unwrap_or_else(|| format!("inhibit {}", index + 1));
        let (source, target) = (table.matchers("source"), table.matchers("target"));
        for (side, matchers) in [("source", &source), ("target", &target)] {
            let needed = format!("inhibit needs {side} matchers");
            if table.is_empty_list(side) {
                table.mistake(side, needed);
            } else if matchers.is_empty() && !table.has(side) {
                table.document.mistake(&table.span, needed);
            }
        }
        let equal = table.label_names("equal").unwrap_or_default();
        table.close();
        rules.push(InhibitRule {
            name,
            source,
            target,
            equal,
        });
    }
    rules
}

fn mute_windows(root: &Table<'_, '_>) -> BTreeMap<String, MuteWindow> {
    let mut windows: BTreeMap<String, MuteWindow> = BTreeMap::new();
    for mut table in root.tables("mute") {
        table.what = "mute".to_owned();
        let name = table.string("name");
        let name = table.required("name", name).unwrap_or_default();
        if name.is_empty() && table.has("name") {
            table.mistake("name", "no [[mute]] has an empty name");
        }
        let window = TimeWindow {
            times: table.parsed("times", str::parse),
            weekdays: table.parsed("weekdays", str::parse),
            days_of_month: table.parsed("days_of_month", str::parse),
            months: table.parsed("months", str::parse),
            years: table.parsed("years", str::parse),
            location: table.string("location").unwrap_or_default(),
        };
        if let Err(WindowError { setting, message }) = window.check() {
            table.mistake(setting, message);
        }
        table.close();
        // Several [[mute]] of one name are one window with several parts.
        let parts = windows.entry(name.clone()).or_insert_with(|| MuteWindow {
            name,
            windows: Vec::new(),
        });
        parts.windows.push(window);
    }
    windows
}
