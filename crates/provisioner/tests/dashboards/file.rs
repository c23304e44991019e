//! A dashboard as its file says it.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// A file of `dashboards/`.
pub(super) struct Dashboard {
    /// The file's name without its ending.
    pub(super) name: String,
    pub(super) json: Value,
}

/// A panel.
pub(super) struct Panel(Value);

/// A variable that people choose.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) query: String,
    /// More than one value, and all, can be chosen.
    pub(super) multi: bool,
}

/// What is drawn over the charts.
pub(super) struct Annotation {
    pub(super) name: String,
    pub(super) query: String,
}

/// Every dashboard, by name.
pub(super) fn all() -> Vec<Dashboard> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards");
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let mut all: Vec<Dashboard> = files
        .map(|path| Dashboard {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            json: serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap(),
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

impl Dashboard {
    pub(super) fn text(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or_default()
    }

    /// Rows between the panels included.
    pub(super) fn every_panel(&self) -> Vec<Panel> {
        list(&self.json["panels"]).cloned().map(Panel).collect()
    }

    /// The panels that show something.
    pub(super) fn panels(&self) -> Vec<Panel> {
        let mut all = self.every_panel();
        all.retain(|it| it.kind() != "row");
        all
    }

    pub(super) fn variables(&self) -> Vec<Variable> {
        let of = |it: &Value| Variable {
            name: it["name"].as_str().unwrap().to_owned(),
            query: it["query"].as_str().unwrap().to_owned(),
            multi: it["multi"].as_bool().unwrap(),
        };
        list(&self.json["templating"]["list"]).map(of).collect()
    }

    pub(super) fn annotations(&self) -> Vec<Annotation> {
        let of = |it: &Value| Annotation {
            name: it["name"].as_str().unwrap().to_owned(),
            query: it["target"]["query"].as_str().unwrap().to_owned(),
        };
        list(&self.json["annotations"]["list"]).map(of).collect()
    }

    /// Every query with what asks it.
    pub(super) fn every_query(&self) -> Vec<(String, String)> {
        let variables = self.variables();
        let asked = variables.iter().skip(1);
        let asked = asked.map(|it| (format!("variable {}", it.name), it.query.clone()));
        let drawn = self.annotations().into_iter();
        let drawn = drawn.map(|it| (format!("annotation {}", it.name), it.query));
        let panels = self.panels();
        let shown = panels.iter().flat_map(|panel| {
            let queries = panel.queries().into_iter();
            queries.map(|it| (panel.title().to_owned(), it))
        });
        let all = asked.chain(drawn).chain(shown);
        all.map(|(what, query)| (format!("{}: {what}", self.name), query))
            .collect()
    }
}

impl Panel {
    pub(super) fn kind(&self) -> &str {
        self.text("/type")
    }

    pub(super) fn title(&self) -> &str {
        self.text("/title")
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        let value = self.0.pointer(pointer);
        value.and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn number(&self, pointer: &str) -> u64 {
        let value = self.0.pointer(pointer);
        value.and_then(Value::as_u64).unwrap_or_default()
    }

    pub(super) fn queries(&self) -> Vec<String> {
        let of = |it: &Value| it["query"].as_str().unwrap().to_owned();
        list(&self.0["targets"]).map(of).collect()
    }

    /// The levels at which the colour changes.
    pub(super) fn thresholds(&self) -> Vec<f64> {
        let steps = self.0.pointer("/fieldConfig/defaults/thresholds/steps");
        let steps = steps.into_iter().flat_map(list);
        steps.filter_map(|it| it["value"].as_f64()).collect()
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
