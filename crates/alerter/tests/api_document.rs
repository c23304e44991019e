//! `openapi.json` and the routes that are served say the same.

use std::collections::BTreeSet;

use watchpost_alerter::api::OPENAPI;

#[test]
fn the_document_names_every_route() {
    let source = include_str!("../src/api/mod.rs");
    let quoted = source.split('"').skip(1).step_by(2);
    let served: BTreeSet<&str> = quoted.filter(|text| text.starts_with("/api/")).collect();
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let described: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(served, described);
}

#[test]
fn every_change_needs_the_token() {
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let guarded = operation.get("security").is_some();
            assert_eq!(guarded, method != "get", "{method} {path}");
        }
    }
}
