//! Any text gives a tree and diagnostics: no panic, no hang, no overflow of the stack.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use watchpost_flux::semantic;
use watchpost_flux::syntax::json::{read_file, write_file};
use watchpost_flux::syntax::{format, parse, tree};

/// Goes through everything that a text meets before it runs.
fn compile(text: &str) {
    let (file, diagnostics) = parse(text);
    let printed = tree::print(&file);
    let formatted = format::format(&file);
    let json = write_file(&file, text);
    if diagnostics.is_empty() {
        let (again, _) = parse(&formatted);
        assert_eq!(
            tree::print(&again),
            printed,
            "{text:?} formatted as {formatted:?}"
        );
        // Not every statement is one that clients may send.
        if let Ok(read) = read_file(&json) {
            assert_eq!(read.body.len(), file.body.len());
        }
    }
    let _ = semantic::check(&file, None);
}

/// The Flux texts of all suites.
fn corpus() -> Vec<String> {
    let mut texts = Vec::new();
    for folder in ["testdata/syntax", "testdata/semantic"] {
        for entry in std::fs::read_dir(folder).expect("the suites are here") {
            let suite =
                std::fs::read_to_string(entry.expect("a suite").path()).expect("a suite is text");
            let blocks = suite
                .split("```flux\n")
                .skip(1)
                .filter_map(|rest| rest.split("```").next());
            texts.extend(blocks.map(str::to_owned));
        }
    }
    texts.sort();
    texts
}

/// Words and signs that mean something, so that random texts come far.
const WORDS: &[&str] = &[
    "x",
    "r",
    "_value",
    "from",
    "range",
    "filter",
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
    "import",
    "package",
    "option",
    "return",
    "builtin",
    "testcase",
    "@a",
    "//c\n",
    "() =>",
    "{return 1}",
    "2.",
    "\\x5c",
    "\n",
    "$",
    "\\",
    "ü",
];

/// The same cases in every run; another seed finds others.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(2024),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        compile(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_words(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60), gap in "[ \n]?") {
        compile(&words.join(&gap));
    }
}

proptest! {
    #![proptest_config(cases(600))]

    /// A text of the suites with a piece cut out, doubled, or replaced by a word.
    #[test]
    fn damaged_programs(
        text in proptest::sample::select(corpus()),
        at in any::<prop::sample::Index>(),
        length in 0usize..12,
        word in proptest::sample::select(WORDS),
        kind in 0..3,
    ) {
        let characters: Vec<char> = text.chars().collect();
        let start = at.index(characters.len() + 1);
        let end = (start + length).min(characters.len());
        let part = |range: std::ops::Range<usize>| characters[range].iter().collect::<String>();
        let (before, cut, after) = (part(0..start), part(start..end), part(end..characters.len()));
        compile(&match kind {
            0 => format!("{before}{after}"),
            1 => format!("{before}{cut}{cut}{after}"),
            _ => format!("{before}{word}{after}"),
        });
    }
}

/// Each of them, many times over, must end in a diagnostic and not in an overflow.
#[test]
fn deep_nesting_is_refused() {
    let count = 20_000;
    let deep = |open: &str, middle: &str, close: &str| {
        format!("{}{middle}{}", open.repeat(count), close.repeat(count))
    };
    for text in [
        deep("x = ", "1", ""),
        deep("(", "1", ")"),
        deep("(", "", ""),
        deep("[", "1", "]"),
        deep("[1: ", "1", "]"),
        deep("{a: ", "1", "}"),
        deep("f(a: ", "1", ")"),
        deep("(x) => ", "1", ""),
        deep("(x) => {return ", "1", "}"),
        deep("(x=", "1", ") => x"),
        deep("if a then ", "1", " else 2"),
        deep("if a then 1 else ", "2", ""),
        deep("\"${", "1", "}\""),
        deep("-", "1", ""),
        deep("not ", "x", ""),
        deep("exists ", "x", ""),
        deep("1 + ", "1", ""),
        deep("1 == ", "1", ""),
        deep("x ^ ", "1", ""),
        deep("", "x", " |> f()"),
        deep("", "x", ".a"),
        deep("", "x", "[0]"),
        deep("", "x", "()"),
        deep("testcase a {", "1", "}"),
        deep("/", "a", ""),
        deep("\\/", "a", ""),
        deep("\"", "", ""),
        deep("@a(", "1", ")"),
        deep("builtin x : [", "int", "]"),
    ] {
        compile(&text);
    }
}

/// Runs of `and` and `or` are one node however long they are: dashboards with many hosts make them.
#[test]
fn long_runs_of_logic_are_fine() {
    let hosts: Vec<String> = (0..5_000)
        .map(|host| format!("r.host == \"h{host}\""))
        .collect();
    let text = format!("f = (r) => {}", hosts.join(" or "));
    let (file, diagnostics) = parse(&text);
    assert_eq!(diagnostics, []);
    assert!(semantic::check(&file, None).is_ok());
}

#[test]
fn a_hundred_pipes_are_fine() {
    let text = format!(
        "from(bucket: \"b\") |> range(start: -1h){}",
        " |> limit(n: 1)".repeat(100)
    );
    let (file, diagnostics) = parse(&text);
    assert_eq!(diagnostics, []);
    assert!(semantic::check(&file, None).is_ok());
}

/// Two megabytes of the shortest expressions would be a tree of hundreds of them.
#[test]
fn a_million_expressions_are_refused() {
    for part in ["1,", "{a: 1},", "() => 1,", "\"${x}\","] {
        let (_, diagnostics) = parse(&format!("x = [{}]", part.repeat(500_000)));
        assert_eq!(diagnostics.len(), 1, "{part}");
        assert!(diagnostics[0].message.contains("too long"), "{part}");
    }
    let rows = "{_time: 2024-01-01T00:00:00Z, host: \"a\", _value: 1.5},".repeat(20_000);
    let (_, diagnostics) = parse(&format!("x = [{rows}]"));
    assert_eq!(diagnostics, []);
}

/// A hundred thousand of anything that can be put into itself, on the stack of a thread that serves requests.
#[test]
fn a_hundred_thousand_in_one_another_is_refused() {
    for (open, close) in [
        ("- ", ""),
        ("not ", ""),
        ("(", ")"),
        ("(", ""),
        ("[", "]"),
        ("{a:", "}"),
        ("1+", ""),
        ("true or ", ""),
        ("if a then 1 else ", ""),
        ("\"${", "}\""),
        ("() => ", ""),
        ("(x=", ") => x"),
        ("", " |> f()"),
        ("", ".a"),
        ("", "[0]"),
        ("@a(", ")"),
        ("x = ", ""),
    ] {
        let text = format!("y = {}1{}", open.repeat(100_000), close.repeat(100_000));
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let work = move || {
            let (file, _) = parse(&text);
            drop(semantic::check(&file, None));
        };
        let done = thread.spawn(work).expect("a thread").join();
        assert!(done.is_ok(), "{open} {close}");
    }
}

/// Lines of which each is made from the one before.
fn steps(first: &str, count: usize, step: impl Fn(usize) -> String) -> String {
    let steps: Vec<String> = (1..count).map(step).collect();
    format!("{first}\n{}\n", steps.join("\n"))
}

/// `a0: 1, a1: 1, …`
fn fields(numbers: impl Iterator<Item = usize>) -> String {
    let fields: Vec<String> = numbers.map(|number| format!("a{number}: 1")).collect();
    fields.join(", ")
}

/// A few lines whose types are larger than any memory.
#[test]
fn types_that_explode_are_refused() {
    let record = |n: usize| format!("a{n} = {{l: a{0}, r: a{0}}}", n - 1);
    let applied = |n: usize| format!("a{n} = (x) => a{0}(x: a{0}(x: x))", n - 1);
    let copied = |n: usize| format!("a{n} = (x) => ({{l: a{0}(x: x), r: a{0}(x: x)}})", n - 1);
    let called = |n: usize| format!("a{n} = (f) => a{0}(f: (x) => [f(x: x): f(x: x)])", n - 1);
    let nested = |n: usize| format!("a{n} = {{x: a{}}}", n - 1);
    let wide = format!("f = (r) => ({{r with {}}})\n", fields(0..10_000));
    let names: Vec<String> = (0..5_000).map(|n| format!("p{n}=1")).collect();
    let unknown = format!("f = ({}) => 1\nf({})", names.join(", "), fields(0..5_000));
    for program in [
        steps("a0 = {l: 1}", 40, record),
        steps("a0 = (x) => ({l: x, r: x})", 40, applied),
        steps("a0 = (x) => x", 40, copied),
        steps("a0 = (f) => f(x: 1)", 40, called),
        steps("a0 = {x: 1}", 5_000, nested),
        wide + &"f(r: {q: 1})\n".repeat(10_000),
        unknown,
    ] {
        let (file, diagnostics) = parse(&program);
        assert_eq!(diagnostics, []);
        let errors = semantic::check(&file, None).expect_err("the types are too large");
        assert_eq!(
            errors[0].message, "the types of this program are too large",
            "{program:.200}"
        );
    }
}

/// Errors show types: a long name, in many errors, would be more text than any memory.
#[test]
fn errors_are_bounded_in_number_and_length() {
    let name = "l".repeat(100_000);
    let records = format!("x = {{{name}: 1}}\n{}", "x + 1\n".repeat(5_000));
    let parameters = format!("f = ({name}=1) => 1\n{}", "f(x: 1)\n".repeat(5_000));
    let unknown = "undefined\n".repeat(50_000);
    for program in [records, parameters, unknown] {
        let (file, _) = parse(&program);
        let errors = semantic::check(&file, None).expect_err("each line is wrong");
        let bytes: usize = errors.iter().map(|error| error.message.len()).sum();
        assert!(bytes < 2 << 20, "{bytes} bytes in {} errors", errors.len());
        assert!(errors.len() <= 1_000, "{} errors", errors.len());
    }
}

/// Two long records in different orders are compared by their labels, not each field with each.
#[test]
fn long_records_in_any_order_go_together() {
    let (up, down) = (fields(0..10_000), fields((0..10_000).rev()));
    let program = format!("x = {{{up}}}\ny = {{{down}}}\n{}", "x == y\n".repeat(5));
    let (file, diagnostics) = parse(&program);
    assert_eq!(diagnostics, []);
    assert!(semantic::check(&file, None).is_ok());
}

#[test]
fn garbage_gives_a_bounded_number_of_diagnostics() {
    let (_, diagnostics) = parse(&") $ ".repeat(100_000));
    assert_eq!(diagnostics.len(), 100);
}

#[test]
fn line_ends_of_windows_are_blanks() {
    let (file, diagnostics) = parse("a = 1\r\nb = \"x\r\ny\"\r\n");
    assert_eq!(diagnostics, []);
    assert_eq!(tree::print(&file), "(= a 1)\n(= b \"x\\r\\ny\")\n");
}
