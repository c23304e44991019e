//! Replays the answers recorded from InfluxDB over the same data, in process (`testdata/golden/README.md`).

use std::collections::BTreeMap;
use std::path::Path;

use watchpost_flux::error::{Error, ErrorKind};
use watchpost_flux::syntax::Diagnostic;
use watchpost_flux::{Limits, Program, Run};
use watchpost_testkit::cases::{self, Case};

use crate::answers::{self, Answer};
use crate::memory_source::MemorySource;

/// What `now()` answers unless a case sets it: 2024-03-02T00:00:00Z.
const NOW: i64 = 1_709_337_600_000_000_000;

/// The buckets with the data sets.
pub(crate) fn data() -> MemorySource {
    let source = MemorySource::default();
    for name in ["fleet", "edge", "stats", "calendar"] {
        for part in ["", ".2"] {
            let path = format!("testdata/data/{name}{part}.lp");
            if Path::new(&path).exists() {
                let lines = std::fs::read(&path).expect("test data can be read");
                source.load(&format!("golden_{name}"), &lines);
            }
        }
    }
    for name in ["golden_sink", "_monitoring", "_tasks"] {
        source.create(name);
    }
    source
}

/// Why a query was refused, or the tables that it gave.
enum Answered {
    Tables(Vec<Answer>),
    Refused(String, ErrorKind),
}

fn answer(source: &MemorySource, text: &str) -> Answered {
    let program = match Program::compile(text, None, NOW) {
        Ok(program) => program,
        Err(diagnostics) => {
            return Answered::Refused(Diagnostic::join(&diagnostics), ErrorKind::Invalid);
        }
    };
    let run = Run {
        source,
        effects: source,
        limits: Limits::default(),
        check: &|| Ok(()),
    };
    let mut tables = Vec::new();
    let outcome = program.run(&run, &mut |result, table| {
        tables.push(Answer::of(result, &table));
        Ok::<(), Error>(())
    });
    match outcome {
        Ok(_) => Answered::Tables(tables),
        Err(error) => Answered::Refused(error.message, error.kind),
    }
}

/// The status that a server answers.
fn status(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "404 not found",
        ErrorKind::Internal => "500 internal error",
        _ => "400 invalid",
    }
}

/// Whether a refusal deserves the status that was recorded; where that was a fault of the server, any refusal is as good.
fn same_class(refusal: &str, kind: ErrorKind) -> bool {
    match refusal.get(..3) {
        Some("404") => kind == ErrorKind::NotFound,
        Some("400") => !matches!(kind, ErrorKind::NotFound | ErrorKind::Internal),
        _ => true,
    }
}

/// The expectation itself if the answer agrees with it, else what came.
pub(crate) fn compare(source: &MemorySource, case: &Case) -> String {
    let expected = case.expected().unwrap_or("");
    let came = answer(source, case.input("flux"));
    match (expected.strip_prefix("error "), came) {
        (Some(refusal), Answered::Refused(message, kind))
            if !message.is_empty() && same_class(refusal, kind) =>
        {
            expected.to_owned()
        }
        (_, Answered::Refused(message, kind)) => format!("error {}\n{message}\n", status(kind)),
        (None, Answered::Tables(tables)) if answers::agree(&answers::read(expected), &tables) => {
            expected.to_owned()
        }
        (_, Answered::Tables(tables)) => format!("{}\n", answers::write(&tables)),
    }
}

/// Cases that are answered differently on purpose: `- GROUP/CASE: reason`.
fn known_differences() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("testdata/known_differences.md").unwrap_or_default();
    let entries = text
        .lines()
        .filter_map(|line| line.strip_prefix("- ")?.split_once(": "));
    entries
        .map(|(name, reason)| (name.to_owned(), reason.to_owned()))
        .collect()
}

fn replay(group: &str) {
    let source = data();
    replay_on(source.copy(false), group);
    replay_on(source.copy(true), group);
}

fn replay_on(source: MemorySource, group: &str) {
    let known = known_differences();
    cases::run(format!("testdata/golden/{group}.md"), |case: &Case| {
        let expected = case.expected().unwrap_or("").to_owned();
        let came = compare(&source, case);
        match known.get(&format!("{group}/{}", case.name)) {
            Some(_) if came == expected => {
                "agrees, but stands in known_differences.md: remove it there".to_owned()
            }
            Some(_) => expected,
            None => came,
        }
    });
}

macro_rules! groups {
    ($($group:ident),* $(,)?) => {
        $(#[test]
        fn $group() {
            replay(stringify!($group));
        })*
    };
}

groups!(
    aggregates, calendar, edge, errors, grafana, joins, language, lenient, monitor, nulls,
    packages, pushdown, schema, seeds, semantics, sources, transforms, writes,
);
