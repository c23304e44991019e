//! The library's own promises: its packages parse, and `docs/flux-support.md` lists what there is and what is not.

use std::collections::BTreeMap;

use watchpost_flux::semantic::package::Package;
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
         `?` marks optional parameters, `<-` the piped one. A function that is not listed is refused by name.\n\
         [Where answers differ](#where-answers-differ-from-influxdbs) and what InfluxDB has beyond that is at the end.\n",
        packages.len()
    );
    let absent = packages_without_code(&packages);
    for (package, lines) in packages {
        let title = if package.is_empty() {
            "Without import"
        } else {
            &package
        };
        text.push_str(&format!("\n## {title}\n\n{}\n", lines.join("\n")));
    }
    let aliases = stdlib::aliases()
        .into_iter()
        .map(|(alias, target)| format!("- `{alias}` is `{target}`"));
    text.push_str("\n## Second names\n\nFunctions of one package that are those of another.\n\n");
    text.push_str(&aliases.map(|line| line + "\n").collect::<String>());
    text.push_str(&absent);
    text.push_str(DIFFERENCES);
    text
}

/// What 9,956 queries of many kinds showed when they were asked of InfluxDB 2.7.12, too.
const DIFFERENCES: &str = "
## Where answers differ from InfluxDB's

Rows, values, group keys and refusals are InfluxDB 2.7's. Known to differ, on purpose or as yet:

- Columns of the group key come in order of name after an aggregate; read columns by name, as clients do.
- `join()` with an empty side answers an empty result, where InfluxDB refuses to join an empty table.
- `sum()` of strings or booleans after `group()` is refused, where InfluxDB answers nothing and says nothing.
- Windows of months that a `period` cuts short at the end of a month hold no row twice and no stray one.
- Where InfluxDB panics (500) a program is refused (4xx) or answered; after `min`, `max` and `last` a time that is
  null stays null, where InfluxDB answers 1970.
- `integral()` over series that were grouped together and are not in order of time is refused throughout.
";

/// The packages that InfluxDB's Flux has and the registry has no function of.
fn packages_without_code(listed: &BTreeMap<String, Vec<String>>) -> String {
    let unlisted =
        Package::paths().filter(|path| *path != "universe" && !listed.contains_key(*path));
    let (accepted, refused): (Vec<&str>, Vec<&str>) =
        unlisted.partition(|path| stdlib::has_package(path));
    let lines = |paths: Vec<&str>| {
        paths
            .iter()
            .map(|path| format!("- `{path}`\n"))
            .collect::<String>()
    };
    format!(
        "\n## Packages of InfluxDB without code here\n\n\
         Their types are known, but a program that imports one is refused with its name.\n\n{}\n\
         These may be imported, and have nothing to call.\n\n{}",
        lines(refused),
        lines(accepted)
    )
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
