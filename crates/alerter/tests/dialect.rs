//! The Flux of rules: `testdata/dialect`.

use watchpost_alerter::dialect::question;
use watchpost_alerter::dialect::shape::batches;
use watchpost_alerter::rule_file::parse;
use watchpost_query::Kind;
use watchpost_testkit::cases;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000_000_000;
/// What a rule file needs besides its rules.
const REST: &str =
    "[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\nkind = \"file\"\npath = \"x\"\n";

#[test]
fn queries() {
    cases::run(
        concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/dialect"),
        |case| {
            let text = format!("{}\n{REST}", case.input("toml"));
            let file = parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
            let batches = batches(&file.rules, &file.rules, NOW);
            let query = |batch| format!("{}\n", question::text(batch, Kind::InfluxDb2));
            batches.iter().map(query).collect::<Vec<_>>().join("\n")
        },
    );
}

/// 200 rules over 5 fields and 2 aggregates stay within a few queries.
#[test]
fn two_hundred_rules_are_a_few_queries() {
    let fields = [
        "cpu_usage_percent",
        "memory_usage_percent",
        "disk_usage_percent",
        "swap",
        "load",
    ];
    let rule = |n: usize| {
        let aggregate = if n.is_multiple_of(2) { "mean" } else { "max" };
        let field = fields[n % fields.len()];
        format!(
            "[[rule]]\nname = \"r{n}\"\nkind = \"threshold\"\nfield = \"{field}\"\naggregate = \"{aggregate}\"\n\
             where = ['region=\"r{}\"']\nabove = {{ warn = {n} }}\n",
            n % 7
        )
    };
    let text = (0..200).map(rule).collect::<String>() + REST;
    let file = parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(batches(&file.rules, &[], NOW).len(), 4);
}
