//! The shared commands: what they say and how they end.

use std::collections::BTreeMap;

use clap::Parser;
use watchpost_service::cli::{CommonArgs, ConfigCommand, answer};
use watchpost_testkit::cases;

use crate::sample::Sample;

#[derive(Parser)]
#[command(name = "sample")]
struct SampleArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: ConfigCommand,
}

#[test]
fn commands_answer() {
    cases::run("testdata/cli.md", |case| {
        let words = case.input("args").split_whitespace();
        let arguments = SampleArgs::parse_from(std::iter::once("sample").chain(words));
        let sources = arguments.common.sources(BTreeMap::new());
        let answer = answer::<Sample>(&arguments.command, &sources, arguments.common.output);
        format!(
            "exit code {}\n--- output\n{}--- messages\n{}",
            answer.code, answer.output, answer.messages
        )
    });
}

#[test]
fn the_file_is_named_by_the_flag_or_the_variable() {
    let environment = BTreeMap::from([("WATCHPOST_CONFIG".to_owned(), "/etc/a.toml".to_owned())]);
    let file = |arguments: &[&str]| {
        let all = ["sample"].iter().chain(arguments).chain(&["check-config"]);
        let parsed = SampleArgs::parse_from(all);
        parsed
            .common
            .sources(environment.clone())
            .file
            .expect("a file")
    };
    assert_eq!(file(&[]), std::path::Path::new("/etc/a.toml"));
    assert_eq!(
        file(&["--config", "b.toml"]),
        std::path::Path::new("b.toml")
    );
}
