//! What is measured, for people and as JSON.

/// Something measured.
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// At most this, where we promise it.
    target: Option<f64>,
}

impl Figure {
    /// As the benches of all crates print it.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut value = serde_json::json!({
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
        });
        if let Some(target) = self.target {
            value["target"] = target.into();
        }
        value
    }

    /// For people.
    pub(crate) fn line(&self) -> String {
        let target = self
            .target
            .map(|target| format!("  (at most {target})"))
            .unwrap_or_default();
        format!(
            "{:<36}{:>12} {}{target}",
            self.name.replace('_', " "),
            rounded(self.value),
            self.unit
        )
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// Resident memory and CPU that the agent promises to keep to.
pub(crate) const MEMORY_TARGET: f64 = 10.0;
pub(crate) const CPU_TARGET: f64 = 0.004;

/// The figures so far.
#[derive(Default)]
pub(crate) struct Figures(pub(crate) Vec<Figure>);

impl Figures {
    /// Something that is measured without a promise.
    pub(crate) fn add(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.0.push(Figure {
            name,
            value,
            unit,
            target: None,
        });
    }

    /// Bytes, of which we promise to take no more than [`MEMORY_TARGET`].
    pub(crate) fn memory(&mut self, name: &'static str, bytes: f64) {
        self.promise(name, bytes / 1e6, "MB", MEMORY_TARGET);
    }

    /// Something that we promise to take no more of than `target`.
    pub(crate) fn promise(
        &mut self,
        name: &'static str,
        value: f64,
        unit: &'static str,
        target: f64,
    ) {
        self.0.push(Figure {
            name,
            value,
            unit,
            target: Some(target),
        });
    }
}
