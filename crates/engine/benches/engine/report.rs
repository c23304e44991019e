//! The figures: a line each as they come, or one JSON object at the end.

use serde_json::{Map, Value, json};

/// Figures by name.
pub(crate) struct Report {
    as_json: bool,
    figures: Map<String, Value>,
}

impl Report {
    /// Without figures.
    pub(crate) fn new(as_json: bool) -> Self {
        Self {
            as_json,
            figures: Map::new(),
        }
    }

    /// Adds a figure in a unit, which may be none.
    pub(crate) fn add(&mut self, name: &str, figure: f64, unit: &str) {
        if self.as_json {
            let about = json!({ "value": figure, "unit": unit });
            self.figures.insert(name.trim().to_owned(), about);
        } else if figure.fract() == 0.0 {
            println!("{name:32} {figure:>10} {unit}");
        } else {
            println!("{name:32} {figure:>10.2} {unit}");
        }
    }

    /// Prints what is not printed yet.
    pub(crate) fn finish(self) {
        if self.as_json {
            println!("{}", Value::Object(self.figures));
        }
    }
}
