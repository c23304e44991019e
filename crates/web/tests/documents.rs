//! Documents that are made from the code, or that the code has to keep to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use watchpost_service::config::reference;
use watchpost_web::OPENAPI;
use watchpost_web::config::WebConfig;

fn update() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration/web.md");
    let text = reference::markdown::<WebConfig>();
    if update() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/configuration/web.md is not current; run with UPDATE_EXPECT=1"
    );
}

/// The vendored library.
const CHART_JS: &[u8] = include_bytes!("../assets/vendor/chart.umd.js");

/// `chart.js` 4.5.1 as its authors published it on npm, `dist/chart.umd.js`: the copy here is
/// unchanged.
#[test]
fn the_chart_library_is_the_published_one() {
    let digest = ring::digest::digest(&ring::digest::SHA256, CHART_JS);
    let hex: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "ecc3cd1eeb8c34d2178e3f59fd63ec5a3d84358c11730af0b9958dc886d7652a"
    );
}

/// The paths and methods of the router's source, so that no route lacks its description.
#[test]
fn the_description_names_exactly_the_routes() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(move |method| format!("{method} {path}"))
        })
        .collect();
    let source = include_str!("../src/api/mod.rs");
    let mut routed = BTreeSet::new();
    for route in source.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap();
        let handlers = route.split('\n').take(4).collect::<String>();
        let handlers = handlers.split(".route").next().unwrap();
        for method in ["get", "post", "delete"] {
            let called = format!("{method}(");
            if handlers.contains(&called) && !path.contains('*') {
                routed.insert(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(described, routed);
}
