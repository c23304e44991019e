//! Rule files and their mistakes: `testdata/rule_files`, and the file that is shipped.

use watchpost_alerter::rule_file::parse;
use watchpost_testkit::cases;

#[test]
fn mistakes() {
    cases::run(
        concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/rule_files"),
        |case| match parse(case.input("toml")) {
            Ok(file) => format!(
                "{} rules, {} receivers\n",
                file.rules.len(),
                file.receivers.len()
            ),
            Err(mistakes) => format!("{mistakes}\n"),
        },
    );
}

#[test]
fn the_shipped_file_is_valid() {
    let text = include_str!("../../../deploy/rules.toml");
    let file = parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let names: Vec<&str> = file.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "cpu_high",
            "memory_high",
            "disk_high",
            "disk_full_soon",
            "host_silent"
        ]
    );
}
