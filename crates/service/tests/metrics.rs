//! The text of the registry, and its bounds.

use watchpost_service::metrics::{Registry, SERIES_LIMIT};
use watchpost_testkit::cases;

/// Runs `counter NAME N`, `gauge NAME X`, `observe NAME X`, `labelled NAME VALUE N` lines.
fn record(script: &str) -> String {
    let registry = Registry::new();
    for line in script.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["counter", _, n] => registry
                .counter("sent_total", "Things sent.")
                .add(n.parse().unwrap()),
            ["gauge", _, x] => registry
                .gauge("depth", "Depth\nnow, in \\.")
                .set(x.parse().unwrap()),
            ["observe", _, x] => registry
                .histogram("seconds", "Time taken.", &[0.1, 1.0])
                .observe(x.parse().unwrap()),
            ["labelled", _, value, n] => registry
                .counter_vec("by_total", "By reason.", &["reason"])
                .with(&[value])
                .add(n.parse().unwrap()),
            other => panic!("no such line: {other:?}"),
        }
    }
    registry.render()
}

#[test]
fn the_text_is_prometheus() {
    cases::run("testdata/metrics.md", |case| record(case.input("record")));
}

#[test]
fn labels_are_bounded() {
    let registry = Registry::new();
    let family = registry.counter_vec("seen_total", "Seen.", &["name"]);
    for number in 0..SERIES_LIMIT + 50 {
        family.with(&[&format!("n{number}")]).increment();
    }
    assert_eq!(family.with(&["other"]).get(), 50);
    assert_eq!(registry.render().lines().count(), 2 + SERIES_LIMIT + 1);
}

#[test]
fn a_name_declared_again_is_the_same_metric() {
    let registry = Registry::new();
    registry.counter("a_total", "A.").increment();
    registry.clone().counter("a_total", "A.").increment();
    assert_eq!(registry.counter("a_total", "A.").get(), 2);
}

#[test]
fn a_gauge_that_is_removed_is_not_shown() {
    let registry = Registry::new();
    let family = registry.gauge_vec("up", "Up.", &["host"]);
    family.with(&["a"]).set(1.0);
    family.with(&["b"]).add(-2.5);
    family.remove(&["a"]);
    assert!(registry.render().ends_with("up{host=\"b\"} -2.5\n"));
}
