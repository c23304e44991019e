//! The metrics there are, and the tiers that keep them.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use watchpost_core::catalogue::METRICS;
use watchpost_core::duration::Duration;

use crate::state::App;
use crate::tier::Tier;

pub(super) async fn list() -> Json<Value> {
    let metrics: Vec<Value> = METRICS
        .iter()
        .map(|metric| {
            json!({
                "name": metric.name,
                "type": metric.metric_type.name(),
                "unit": metric.unit.name(),
                "kind": metric.kind.name(),
                "tags": metric.tags,
                "optional_tags": metric.optional_tags,
                "help": metric.help,
            })
        })
        .collect();
    Json(json!({ "metrics": metrics }))
}

pub(super) async fn tiers(State(app): State<App>) -> Json<Value> {
    let tier = |tier: Tier| {
        let kept = app.database.retention.0[tier as usize];
        json!({
            "tier": tier.name(),
            "bucket": app.database.bucket(tier),
            "measurement": tier.measurement(),
            "resolution_seconds": tier.period() / 1_000_000_000,
            "retention": Duration::from_nanos(kept).to_string(),
        })
    };
    Json(json!({ "tiers": Tier::ALL.map(tier) }))
}
