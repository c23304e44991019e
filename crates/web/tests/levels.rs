//! Which values look alarming, as rules say.

use serde_json::json;
use watchpost_web::level::Levels;

#[test]
fn levels_are_those_of_the_rules_that_look_at_every_host() {
    let rule = |field: &str, kind: &str, levels: serde_json::Value, matchers: &[&str]| json!({ "field": field, "kind": kind, "levels": levels, "where": matchers });
    let above = |warn: f64, critical: Option<f64>| json!({ "direction": "above", "warn": warn, "critical": critical });
    let rules = json!({ "rules": [
        rule("cpu_usage_percent", "threshold", above(90.0, Some(95.0)), &["cpu=\"\""]),
        rule("cpu_usage_percent", "threshold", above(80.0, None), &["cpu=\"\""]),
        rule("cpu_usage_percent", "threshold", above(10.0, Some(20.0)), &["host=\"db-1\""]),
        rule("disk_usage_percent", "forecast", above(60.0, None), &[]),
        rule("disk_spare_percent", "threshold", json!({ "direction": "below", "warn": 20.0, "critical": 5.0 }), &[]),
        json!({ "kind": "no_data" }),
    ] });
    let levels = Levels::of_rules(&rules);
    let of = |metric: &str, value: f64| levels.of(metric, Some(value));
    assert_eq!(of("cpu_usage_percent", 79.9), "");
    assert_eq!(of("cpu_usage_percent", 80.0), "warn");
    assert_eq!(of("cpu_usage_percent", 95.0), "critical");
    assert_eq!(of("disk_spare_percent", 25.0), "");
    assert_eq!(of("disk_spare_percent", 20.0), "warn");
    assert_eq!(of("disk_spare_percent", 4.0), "critical");
    assert_eq!(
        of("disk_usage_percent", 99.0),
        "",
        "a forecast has no level of values"
    );
    assert_eq!(levels.of("cpu_usage_percent", None), "");
    assert_eq!(
        levels.document()["cpu_usage_percent"],
        json!({ "below": false, "warn": 80.0, "critical": 95.0 })
    );
    assert_eq!(
        Levels::of_rules(&json!(null)).of("cpu_usage_percent", Some(100.0)),
        ""
    );
    assert_eq!(
        Levels::default().of("disk_usage_percent", Some(91.0)),
        "critical"
    );
}
