//! The timelines of `testdata/timelines`: rules, routing and suppression on a virtual clock. Users run
//! the same harness with `watchpost-alerter test`.

use watchpost_alerter::timeline::{document, play};
use watchpost_testkit::cases;

#[test]
fn timelines() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/timelines");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let parsed = document::parse(&text);
        cases::run(&path, |case| {
            let own = parsed
                .iter()
                .find(|parsed| parsed.name == case.name)
                .unwrap();
            let files: Vec<&str> = own.files.iter().map(String::as_str).collect();
            play(&files, case.input("timeline")).unwrap_or_else(|error| format!("{error}\n"))
        });
    }
}
