//! Rule files and their mistakes: `testdata/rule_files`, and the file that is shipped.

use watchpost_alerter::config::{AlerterConfig, RulesConfig};
use watchpost_alerter::rule_file::merge::merge;
use watchpost_alerter::rule_file::parse;
use watchpost_alerter::rule_files;
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
            "cpu_saturated",
            "memory_high",
            "disk_high",
            "disk_full_soon",
            "disk_fills_fast",
            "host_silent",
            "container_stopped",
            "container_unhealthy",
            "container_restarts",
            "container_out_of_memory",
            "container_throttled",
            "unit_failed",
            "unit_restarts",
            "timer_overdue",
            "out_of_memory",
            "disk_failing",
            "disk_worn",
            "array_degraded",
            "pool_fills",
            "pool_metadata_fills",
            "battery_low",
            "battery_replace",
            "connections_untracked_soon",
            "open_files_high",
            "clock_off",
            "check_down",
            "certificate_ends",
            "copies_old",
            "copies_silent",
            "drill_failed",
            "drill_overdue",
        ]
    );
}

/// One's own rules over the shipped ones: by name, and each mistake in the place of its file.
#[test]
fn own_rules_take_the_place_of_shipped_ones() {
    let shipped = include_str!("../../../deploy/rules.toml");
    let own = "# mine\n[[rule]]\nname = \"cpu_high\"\nkind = \"threshold\"\nfield = \"cpu_usage_percent\"\n\
               above = { warn = 50 }\n\n[[rule]]\nname = \"swap_high\"\nkind = \"threshold\"\n\
               field = \"swap_usage_percent\"\nabove = { warn = 50 }\n\n[[receiver]]\nname = \"mine\"\n\
               kind = \"file\"\npath = \"mine.log\"\n\n[route]\nreceiver = \"mine\"\n";
    let files = |own: &str| {
        let pair = |name: &str, text: &str| (std::path::PathBuf::from(name), text.to_owned());
        [pair("shipped.toml", shipped), pair("own.toml", own)]
    };
    let merged = merge(&files(own)).unwrap();
    let file = parse(&merged.text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let names: Vec<&str> = file.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "cpu_high").count(), 1);
    assert!(
        names.contains(&"host_silent") && names.contains(&"swap_high"),
        "{names:?}"
    );
    let cpu = file
        .rules
        .iter()
        .find(|rule| rule.name == "cpu_high")
        .unwrap();
    assert_eq!(cpu.kind.levels().unwrap().warn, Some(50.0));
    assert!(file.receivers.contains_key("local") && file.receivers.contains_key("mine"));

    let wrong = own.replace("path = \"mine.log\"", "pth = \"mine.log\"");
    let merged = merge(&files(&wrong)).unwrap();
    let mistakes = parse(&merged.text).unwrap_err().0;
    let places: Vec<String> = mistakes
        .iter()
        .map(|mistake| merged.place(mistake))
        .collect();
    assert!(
        places
            .iter()
            .any(|place| place.starts_with("own.toml:17:1: ")),
        "{places:?}"
    );

    let loose = merge(&files("bucket = \"b\"\n[[rule]]\n")).unwrap_err();
    assert!(loose.starts_with("own.toml:1:1: "), "{loose}");
}

/// A file that was saved on Windows is read like any other.
#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_text() {
    let folder = watchpost_testkit::temp_folder();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
        path
    };
    let shipped = include_str!("../../../deploy/rules.toml");
    let own = "[[rule]]\nname = \"cpu_high\"\nkind = \"threshold\"\nfield = \"cpu_usage_percent\"\n\
               above = { warn = 50 }\n";
    let rules = RulesConfig {
        file: write("rules.toml", shipped.to_owned()),
        own: vec![write("own.toml", own.to_owned())],
    };
    let file = rule_files::read(&rules).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let cpu = file.rules.iter().find(|rule| rule.name == "cpu_high");
    assert_eq!(cpu.unwrap().kind.levels().unwrap().warn, Some(50.0));
}

/// What looks like a name but would be read by nobody is a mistake.
#[test]
fn a_pattern_of_own_files_is_refused() {
    let folder = watchpost_testkit::temp_folder();
    let file = folder.path().join("rules.toml");
    std::fs::write(&file, include_str!("../../../deploy/rules.toml")).unwrap();
    let mut sources = watchpost_service::config::Sources::default();
    sources.set("rules.file", file.display().to_string(), "--set");
    sources.set("rules.own", "[\"/etc/watchpost/rules.d/*.toml\"]", "--set");
    let error = watchpost_service::config::load::<AlerterConfig>(&sources).unwrap_err();
    assert!(error.to_string().contains("name the folder"), "{error}");
}

/// Files of one folder have no order that anybody meant: a name that two of them have is a mistake.
#[test]
fn a_name_in_two_files_of_a_folder_is_refused_with_both_places() {
    let folder = watchpost_testkit::temp_folder();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let rule = "[[rule]]\nname = \"swap\"\nkind = \"threshold\"\nfield = \"swap_usage_percent\"\n\
                above = { warn = 50 }\n";
    let route = "[route]\nreceiver = \"local\"\n";
    let named = write("own.toml", rule);
    write("rules.d/10-swap.toml", &format!("{rule}\n{route}"));
    let rules = RulesConfig {
        file: write("rules.toml", include_str!("../../../deploy/rules.toml")),
        own: vec![named, folder.path().join("rules.d")],
    };
    // A file that is named has its place in an order.
    rule_files::read(&rules).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));

    let second = write("rules.d/20-more.toml", &format!("# more\n{route}\n{rule}"));
    let mistakes = rule_files::read(&rules).unwrap_err();
    let first = second.with_file_name("10-swap.toml");
    let (first, second) = (first.display(), second.display());
    assert_eq!(
        mistakes,
        [
            format!("{second}:2:1: [route] stands in {first}:7, too; keep one of them"),
            format!("{second}:5:1: rule \"swap\" stands in {first}:1, too; keep one of them"),
        ]
    );
}
