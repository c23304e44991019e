//! The figures, for people a line each, for scripts one JSON object at the end.

use serde_json::{Value, json};

pub(super) struct Report {
    json: bool,
    figures: Vec<Value>,
}

impl Report {
    pub(super) fn new(json: bool) -> Report {
        Report {
            json,
            figures: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, name: &str, value: f64, unit: &str) {
        if !self.json {
            println!("{name:52} {value:12.2} {unit}");
        }
        let value = (value * 100.0).round() / 100.0;
        self.figures
            .push(json!({ "name": name, "value": value, "unit": unit }));
    }

    pub(super) fn finish(self) {
        if self.json {
            println!("{}", json!({ "benchmark": "web", "figures": self.figures }));
        }
    }
}
