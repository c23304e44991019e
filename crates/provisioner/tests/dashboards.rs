//! The dashboards of `dashboards/`: that they are laid out well, name only what the catalogue has,
//! and that every query of every panel, variable and annotation gives data on a real server.

mod file;
mod fleet;
mod grafana;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use watchpost_client::TokenSource;
use watchpost_client::query::Query;
use watchpost_core::catalogue::{self, Unit};

use self::file::{Dashboard, Panel};
use self::grafana::{Range, Selection, Shape};
use crate::site::{Site, block_on};

/// What a current Grafana draws without converting it first.
const PANEL_TYPES: [&str; 7] = [
    "bargauge",
    "gauge",
    "row",
    "stat",
    "state-timeline",
    "table",
    "timeseries",
];
/// Of Grafana 11.6, which the compose file pins.
const SCHEMA_VERSION: u64 = 41;

#[test]
fn every_dashboard_is_complete_and_laid_out() {
    let all = file::all();
    assert_eq!(all.len(), 6);
    let mut uids = BTreeSet::new();
    for it in &all {
        let name = &it.name;
        assert!(uids.insert(it.text("uid")), "{name}: a uid twice");
        assert!(it.text("uid").starts_with("watchpost-"), "{name}");
        assert!(!it.text("description").is_empty(), "{name}");
        assert_eq!(it.json["schemaVersion"], SCHEMA_VERSION, "{name}");
        assert_eq!(it.json["links"][0]["tags"][0], "watchpost", "{name}");
        laid_out(it);
        for panel in it.panels() {
            complete(name, &panel);
        }
    }
}

/// Panels keep within 24 columns and do not cover each other.
fn laid_out(dashboard: &Dashboard) {
    let mut ids = BTreeSet::new();
    let mut covered = BTreeSet::new();
    for panel in dashboard.every_panel() {
        let place = format!("{}: {}", dashboard.name, panel.title());
        assert!(ids.insert(panel.number("/id")), "{place}: an id twice");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|it| panel.number(&format!("/gridPos/{it}")));
        assert!(w > 0 && h > 0 && x + w <= 24, "{place}");
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
            assert!(covered.insert(cell), "{place}: covers another panel");
        }
    }
}

fn complete(dashboard: &str, panel: &Panel) {
    let place = format!("{dashboard}: {}", panel.title());
    assert!(PANEL_TYPES.contains(&panel.kind()), "{place}");
    assert!(!panel.title().is_empty(), "{place}");
    assert!(!panel.text("/description").is_empty(), "{place}");
    assert!(
        !panel.text("/fieldConfig/defaults/unit").is_empty(),
        "{place}"
    );
    assert_eq!(panel.text("/datasource/uid"), "${datasource}", "{place}");
    assert!(!panel.queries().is_empty(), "{place}");
}

#[test]
fn variables_chain_from_region_to_host() {
    for it in file::all() {
        let variables = it.variables();
        assert_eq!(variables[0].name, "datasource", "{}", it.name);
        let chain: Vec<&str> = variables[1..].iter().map(|it| it.name.as_str()).collect();
        match it.name.as_str() {
            "influxdb" => assert!(chain.is_empty()),
            "alerts" => assert_eq!(chain, ["rule", "host"]),
            _ => assert_eq!(chain, ["region", "environment", "host"], "{}", it.name),
        }
        // Each is narrowed by all before it.
        for (index, variable) in variables.iter().enumerate().skip(1) {
            for before in &variables[1..index] {
                let used = format!("${{{}:regex}}", before.name);
                let place = format!("{}: {}", it.name, variable.name);
                assert!(variable.query.contains(&used), "{place}: {used}");
            }
        }
    }
}

#[test]
fn cpu_has_its_thresholds_at_70_and_90() {
    let mut found = BTreeMap::new();
    for it in file::all() {
        for panel in it.panels() {
            let queries = panel.queries();
            let cpu = |it: &String| names::of(it).fields.iter().eq(["cpu_usage_percent"]);
            let counted = queries.iter().any(|it| it.contains("count()"));
            if queries.iter().all(cpu) && !counted {
                let place = format!("{}: {}", it.name, panel.title());
                assert_eq!(panel.thresholds(), [70.0, 90.0], "{place}");
                *found.entry(it.name.clone()).or_insert(0) += 1;
            }
        }
    }
    for dashboard in ["fleet-overview", "host-detail", "comparison"] {
        assert!(found.contains_key(dashboard), "{dashboard}");
    }
}

#[test]
fn queries_name_what_the_catalogue_has_in_its_units() {
    for it in file::all() {
        for (place, query) in it.every_query() {
            if let Err(problem) = names::check(&query) {
                panic!("{place}: {problem}");
            }
        }
        for panel in it.panels().iter().filter(|it| it.kind() != "table") {
            let wanted: BTreeSet<&str> = panel.queries().iter().filter_map(|it| unit(it)).collect();
            if wanted.len() == 1 {
                let place = format!("{}: {}", it.name, panel.title());
                let unit = panel.text("/fieldConfig/defaults/unit");
                assert!(wanted.contains(unit), "{place}: {unit}, not {wanted:?}");
            }
        }
    }
}

/// Grafana's unit for the values of a query, where the catalogue decides it.
fn unit(query: &str) -> Option<&'static str> {
    let names = names::of(query);
    let units: BTreeSet<&'static str> = names
        .fields
        .iter()
        .filter_map(|it| catalogue::metric(it))
        .map(|it| it.unit.grafana())
        .collect();
    let rate = query.contains("derivative(unit: 1s");
    match units.first().copied()? {
        _ if units.len() > 1 || query.contains("count()") => None,
        it if !rate => Some(it),
        it if it == Unit::Bytes.grafana() => Some("Bps"),
        _ => None,
    }
}

#[test]
fn every_query_gives_data_as_its_panel_wants_it() {
    let Some(site) = Site::new() else { return };
    fleet::write(&site, fleet::now());
    // What was written last, too.
    let now = fleet::now() + 1_000_000_000;
    // As Grafana itself: with the token that may only read.
    let grafana = site.client_with(TokenSource::file(site.path("secrets/grafana.token")));
    let run = |place: &str, text: &str| {
        let tables = block_on(grafana.query(&Query::new(text)));
        tables.unwrap_or_else(|error| panic!("{place}: {error}\n{text}"))
    };
    let mut count = 0;
    for it in file::all() {
        let range = Range::ending(now, it.json["time"]["from"].as_str().unwrap());
        for selection in selections(&it, &range, &run) {
            for annotation in it.annotations() {
                let place = format!("{}: annotation {}", it.name, annotation.name);
                let text = grafana::interpolate(&annotation.query, &selection, &range);
                let tables = run(&place, &text);
                if let Err(problem) = Shape::of(&tables).fits("annotation") {
                    panic!("{place}: {problem}\n{text}");
                }
            }
            for panel in it.panels() {
                for query in panel.queries() {
                    let place = format!("{}: {} with {selection:?}", it.name, panel.title());
                    let text = grafana::interpolate(&query, &selection, &range);
                    let tables = run(&place, &text);
                    if let Err(problem) = Shape::of(&tables).fits(panel.kind()) {
                        panic!("{place}: {problem}\n{text}");
                    }
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "{count}");
}

/// Once everything, once what a person chooses: the first two values, or the first, of each
/// variable, as the server offers them for what was chosen before.
fn selections(
    dashboard: &Dashboard,
    range: &Range,
    run: &impl Fn(&str, &str) -> Vec<watchpost_core::csv::Table>,
) -> Vec<Selection> {
    let mut all = Selection::default();
    let mut some = Selection::default();
    for variable in dashboard.variables().iter().skip(1) {
        let place = format!("{}: variable {}", dashboard.name, variable.name);
        for selection in [&mut all, &mut some] {
            let text = grafana::interpolate(&variable.query, selection, range);
            let tables = run(&place, &text);
            let rows = tables.iter().flat_map(|it| it.rows());
            let mut values: Vec<String> = rows
                .filter_map(|row| Some(row.str("_value")?.to_owned()))
                .collect();
            assert!(!values.is_empty(), "{place}\n{text}");
            values.truncate(if variable.multi { 2 } else { 1 });
            selection.insert(variable.name.clone(), values);
        }
        if variable.multi {
            all.insert(variable.name.clone(), vec![grafana::ALL.to_owned()]);
        }
    }
    vec![all, some]
}
