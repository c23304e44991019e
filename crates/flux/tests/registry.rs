//! The library's own promises: its packages parse, and `docs/flux-support.md` lists what there is.

use std::collections::BTreeMap;

use watchpost_flux::stdlib;

/// The reference of supported functions, relative to this crate.
const DOCUMENT: &str = "../../docs/flux-support.md";

fn document() -> String {
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in stdlib::registry() {
        let line = format!("- `{}({})`", entry.name, entry.parameters);
        packages.entry(entry.package).or_default().push(line);
    }
    let count: usize = packages.values().map(Vec::len).sum();
    let mut text = format!(
        "# Flux: supported functions\n\n\
         {count} functions in {} packages; generated from the library's registry (`UPDATE_EXPECT=1 cargo test -p watchpost-flux`).\n\
         `?` marks optional parameters, `<-` the piped one. A function that is not listed is refused by name.\n",
        packages.len()
    );
    for (package, lines) in packages {
        let title = if package.is_empty() {
            "Without import"
        } else {
            &package
        };
        text.push_str(&format!("\n## {title}\n\n{}\n", lines.join("\n")));
    }
    text
}

#[test]
fn packages_parse() {
    assert_eq!(stdlib::broken_packages(), Vec::<String>::new());
}

#[test]
fn the_reference_lists_every_function() {
    let wanted = document();
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        std::fs::write(DOCUMENT, &wanted).expect("the reference can be written");
    }
    let written = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert_eq!(
        written, wanted,
        "run UPDATE_EXPECT=1 cargo test -p watchpost-flux"
    );
}
