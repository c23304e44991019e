//! Flux: as text and as JSON, compiled, formatted and run over no data; `csv.from`; options of tasks.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use watchpost_engine::tasks::options::Options;
use watchpost_flux::effects::NoEffects;
use watchpost_flux::error::{Error, ErrorKind};
use watchpost_flux::program::STACK_BYTES;
use watchpost_flux::source::{
    BucketInformation, PushedAggregate, ReadRequest, Scan, SchemaRequest, SeriesSink, Source,
};
use watchpost_flux::syntax::json::{read_file, write_file};
use watchpost_flux::syntax::{format, parse, tree};
use watchpost_flux::{Limits, Program, Run, semantic};

use super::texts::CSV_WORDS;
use super::{Answer, PARSER, Target, text};
use crate::corpus::{self, Seeds};

/// Steps that a program may take.
const STEPS: usize = 20_000;

/// The memory limit of a run.
const RUN_BYTES: usize = 16 << 20;

const FLUX: Target = Target {
    seeds: Seeds {
        blocks: &[
            ("crates/flux/testdata/syntax", "flux"),
            ("crates/flux/testdata/semantic", "flux"),
            ("crates/flux/testdata/stdlib", "flux"),
            ("crates/flux/testdata/functions", "flux"),
        ],
        ..Seeds::NONE
    },
    words: &[
        "x",
        "r",
        "r._value",
        "from(bucket: \"b\")",
        "range(start: -1h)",
        "filter(fn: (r) => true)",
        "array.from(rows: [{a: 1}])",
        "map(fn: (r) => r)",
        "1",
        "1.5",
        "1h",
        "2024-01-01",
        "\"s\"",
        "\"${",
        "}",
        "/a/",
        "(",
        ")",
        "[",
        "]",
        "{",
        ":",
        ",",
        ".",
        "|>",
        "=>",
        "<-",
        "=",
        "==",
        "+",
        "-",
        "*",
        "/",
        "^",
        "and",
        "or",
        "not",
        "exists",
        "if",
        "then",
        "else",
        "with",
        "import \"array\"\n",
        "import \"strings\"\n",
        "import \"dict\"\n",
        "option task = {name: \"t\", every: 1h}\n",
        "return",
        "builtin",
        "testcase",
        "@a",
        "//c\n",
        "() =>",
        "{return 1}",
        "\n",
        "$",
        "\\",
        "ü",
    ],
    nests: &[
        ("(", ")"),
        ("[", "]"),
        ("[1: ", "]"),
        ("{a: ", "}"),
        ("f(a: ", ")"),
        ("(x) => ", ""),
        ("(x) => {return ", "}"),
        ("(x=", ") => x"),
        ("if a then ", " else 2"),
        ("if a then 1 else ", ""),
        ("\"${", "}\""),
        ("-", ""),
        ("not ", ""),
        ("1 + ", ""),
        ("", " |> f()"),
        ("", ".a"),
        ("", "[0]"),
        ("", "()"),
        ("testcase a {", "}"),
        ("@a(", ")"),
        ("x = ", ""),
    ],
    stack: if cfg!(debug_assertions) {
        STACK_BYTES
    } else {
        STACK_BYTES / 2
    },
    memory: 64 << 20,
    processor: Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 3 }),
    ..PARSER
};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "flux",
        about: "a program, from its text to its end",
        make: || Box::new(program),
        ..FLUX
    },
    Target {
        name: "flux_doubling",
        about: "lines of which each makes more of the one before: a byte chooses a line",
        seeds: Seeds {
            texts: &[
                "000000000000000000000000000000000000",
                "ababababababababab",
                "0123456789abcdefgh",
                "kkkkkkkkkkkkkkkkkkkkkkkkkkkk",
                "55555555555555555555555555559",
                "llllllllllllllllllllll",
            ],
            ..Seeds::NONE
        },
        words: &[],
        nests: &[],
        longest: 200,
        make: || Box::new(doubling),
        ..FLUX
    },
    Target {
        name: "flux_json",
        about: "a program as the tree that clients send",
        seeds: Seeds::NONE,
        more_seeds: trees,
        words: &[
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "null",
            "\"type\":",
            "\"BinaryExpression\"",
            "\"CallExpression\"",
            "\"left\":",
            "\"right\":",
            "\"operator\":",
            "\"argument\":",
            "\"body\":",
            "\"Identifier\"",
            "\"name\":",
            "\"UnaryExpression\"",
            "\"StringLiteral\"",
            "\"value\":",
            "\"DurationLiteral\"",
            "\"RegexpLiteral\"",
            "\"DateTimeLiteral\"",
        ],
        nests: &[
            ("[", "]"),
            ("{\"a\":", "}"),
            ("{\"type\":\"ParenExpression\",\"expression\":", "}"),
            (
                "{\"type\":\"UnaryExpression\",\"operator\":\"-\",\"argument\":",
                "}",
            ),
        ],
        // A million levels of an array.
        longest: 1 << 20,
        make: || Box::new(json),
        ..FLUX
    },
    Target {
        name: "flux_csv",
        about: "csv.from, of annotated and of raw texts",
        seeds: Seeds {
            blocks: &[("crates/core/testdata/csv_read.md", "csv")],
            texts: &["a,b\n1,2\n"],
            ..Seeds::NONE
        },
        words: CSV_WORDS,
        nests: &[],
        make: || Box::new(csv_from),
        ..FLUX
    },
    Target {
        name: "task_options",
        about: "the option task of a script",
        make: || Box::new(|input| Answer::of(&Options::of(&text(input)))),
        ..FLUX
    },
];

/// The trees of the suites' programs.
fn trees() -> Result<Vec<Vec<u8>>> {
    let programs = corpus::of(&Target {
        name: "flux",
        ..FLUX
    })?;
    let tree = |program: &Vec<u8>| {
        let source = text(program);
        write_file(&parse(&source).0, &source)
            .to_string()
            .into_bytes()
    };
    // A tree is twenty times as long as its text: some of them will do.
    Ok(programs.iter().step_by(25).map(tree).collect())
}

fn program(input: &[u8]) -> Answer {
    let source = text(input);
    let (file, diagnostics) = parse(&source);
    let formatted = format::format(&file);
    if diagnostics.is_empty() {
        let (again, _) = parse(&formatted);
        assert_eq!(
            tree::print(&again),
            tree::print(&file),
            "formatted, it is another program"
        );
    }
    run(&source)
}

fn run(source: &str) -> Answer {
    match Program::compile(source, None, 1_700_000_000_000_000_000) {
        Ok(program) => run_program(&program),
        Err(diagnostics) => match diagnostics.first() {
            Some(first) => Answer::refused(&first.message),
            None => Answer::refused(""),
        },
    }
}

fn run_program(program: &Program) -> Answer {
    let steps = Cell::new(0);
    let run = Run {
        source: &Empty,
        effects: &NoEffects,
        limits: Limits {
            memory_bytes: RUN_BYTES,
            rows: 10_000,
            ..Limits::default()
        },
        check: &|| {
            steps.set(steps.get() + 1);
            match steps.get() > STEPS {
                true => Err(Error::new(ErrorKind::Canceled, "enough")),
                false => Ok(()),
            }
        },
    };
    match program.run(&run, &mut |_, _| Ok(())) {
        Ok(_) => Answer::taken("run"),
        Err(error) => Answer::refused(&error.message),
    }
}

fn json(input: &[u8]) -> Answer {
    let value = match serde_json::from_slice(input) {
        Ok(value) => value,
        Err(error) => return Answer::refused(error),
    };
    match read_file(&value) {
        Ok(file) => {
            let _ = semantic::check(&file, None);
            run(&format::format(&file))
        }
        Err(error) => Answer::refused(error),
    }
}

fn csv_from(input: &[u8]) -> Answer {
    let quoted = text(input)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "\\${");
    let mode = ["annotations", "raw"][input.len() % 2];
    run(&format!(
        "import \"csv\"\ncsv.from(csv: \"{quoted}\", mode: \"{mode}\")"
    ))
}

/// What a byte of `flux_doubling` stands for: each takes what the lines before it made.
const DOUBLINGS: &[&str] = &[
    "s = s + s",
    "s = \"${s}${s}\"",
    "s = strings.replaceAll(v: s, t: \"a\", u: s)",
    "s = strings.joinStr(arr: [s, s, s], v: s)",
    "s = strings.repeat(v: s, i: 3)",
    "a = array.concat(arr: a, v: a)",
    "a = array.map(arr: a, fn: (x) => x)",
    "s = display(v: a)",
    "s = strings.joinStr(arr: array.map(arr: a, fn: (x) => s), v: s)",
    "b = a == a",
    "r = {x: r, y: r}",
    "f = (x) => f(x: f(x: x))",
    "f = (x) => ({x: f(x: x), y: f(x: x)})",
    "s = strings.toUpper(v: strings.toLower(v: s))",
    "s = regexp.replaceAllString(r: /a/, v: s, t: s)",
    "s = strings.replace(v: s, t: \"a\", u: s, i: 9)",
    "a = array.concat(arr: a, v: array.filter(arr: a, fn: (x) => true))",
    "s = display(v: {x: s, y: s})",
    "s = strings.joinStr(arr: strings.split(v: s, t: \"\"), v: s)",
    "s = string(v: bytes(v: s + s))",
    "s = display(v: r)",
    "m = [m[0]: m]",
    "s = strings.title(v: s) + strings.trim(v: s, cutset: s)",
    "b = s == s and dict.get(dict: [(s): 1], key: s, default: 0) == 1",
];

fn doubling(input: &[u8]) -> Answer {
    let mut program =
        String::from("import \"array\"\nimport \"dict\"\nimport \"regexp\"\nimport \"strings\"\n");
    program += "s0 = \"ab\"\na0 = [1, 2]\nr0 = {x: 1}\nf0 = (x) => x\nm0 = [1: 1]\nb0 = true\n";
    // A name is defined once: each line takes the last of each and makes a new one.
    let mut last = [0; 6];
    let names = ["s", "a", "r", "f", "m", "b"];
    for (number, byte) in input.iter().enumerate() {
        let line = DOUBLINGS[usize::from(*byte) % DOUBLINGS.len()];
        let (made, rest) = line.split_once(" = ").unwrap_or((line, ""));
        let Some(place) = names.iter().position(|name| *name == made) else {
            continue;
        };
        let before = |word: &str| {
            names
                .iter()
                .position(|name| *name == word)
                .map(|name| format!("{word}{}", last[name]))
        };
        program += &format!("{made}{} = {}\n", number + 1, renamed(rest, before));
        last[place] = number + 1;
    }
    program += &format!(
        "array.from(rows: [{{s: s{}, n: length(arr: a{})}}])",
        last[0], last[1]
    );
    run(&program)
}

/// A line with other words in the places of some of its own. (A name before `:` is an argument's, and what stands in
/// quotes is text, but for what is put into it.)
fn renamed(line: &str, other: impl Fn(&str) -> Option<String>) -> String {
    let mut renamed = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = rest
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(length.max(first.len_utf8()));
        let is_own =
            after.starts_with(':') || after.starts_with('"') || renamed.ends_with(['.', '/', '"']);
        match other(word).filter(|_| !is_own) {
            Some(new) => renamed += &new,
            None => renamed += word,
        }
        rest = after;
    }
    renamed
}

/// Buckets of any name, all without rows.
struct Empty;

impl Source for Empty {
    fn can_aggregate(&self, _: &PushedAggregate) -> bool {
        true
    }

    fn read(&self, request: &ReadRequest, _: &mut SeriesSink<'_>) -> Result<Scan, Error> {
        Ok(match request.aggregate {
            Some(_) => Scan::Aggregated,
            None => Scan::Raw,
        })
    }

    fn tag_keys(&self, _: &SchemaRequest) -> Result<Vec<Arc<str>>, Error> {
        Ok(Vec::new())
    }

    fn tag_values(&self, _: &SchemaRequest, _: &str) -> Result<Vec<Arc<str>>, Error> {
        Ok(Vec::new())
    }

    fn buckets(&self) -> Result<Vec<BucketInformation>, Error> {
        Ok(Vec::new())
    }
}
