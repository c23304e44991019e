//! The runner of case files: it passes, fails with a diff, updates, and forgets nothing.

use std::path::{Path, PathBuf};

use watchpost_testkit::cases::{Case, Mode, assert_none_forgotten, run_in_mode};
use watchpost_testkit::{TempFolder, temp_folder};

const SUITE: &str = "\
# Shouting

Prose stays.

```text
a block above the first test belongs to nobody
```

## one word

```say
hello
```
```expect
HELLO
```

## two words

```say
good day
```

Prose behind.
";

fn suite(text: &str) -> (TempFolder, PathBuf) {
    let folder = temp_folder();
    let path = folder.path().join("suite.md");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn shout(case: &Case) -> String {
    case.input("say").to_uppercase()
}

/// What a failing run says.
fn failure(path: &Path, test: impl Fn(&Case) -> String + std::panic::UnwindSafe) -> String {
    let path = path.to_owned();
    let ran = std::panic::catch_unwind(move || run_in_mode(Mode::Compare, path, test));
    *ran.unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn a_missing_expectation_fails_and_is_written() {
    let (_folder, path) = suite(SUITE);
    let message = failure(&path, shout);
    assert!(message.starts_with("1 of 2 tests failed"), "{message}");
    assert!(message.contains("suite.md:18 two words"), "{message}");
    assert!(
        message.contains("no ```expect block; this came:\nGOOD DAY\n"),
        "{message}"
    );

    run_in_mode(Mode::Update, &path, shout);
    let updated = std::fs::read_to_string(&path).unwrap();
    let wanted = SUITE.replace(
        "good day\n```\n",
        "good day\n```\n```expect\nGOOD DAY\n```\n",
    );
    assert_eq!(updated, wanted);
    run_in_mode(Mode::Compare, &path, shout);
}

#[test]
fn a_wrong_output_fails_with_a_diff() {
    let text = "## t\n\n```expect\na\nb\nc\nd\n```\n";
    let (_folder, path) = suite(text);
    let message = failure(&path, |_| "a\nx\nc\nd\ne".to_owned());
    assert!(
        message.ends_with("(- expected, + came)\n a\n-b\n+x\n c\n d\n+e\n"),
        "{message}"
    );
}

#[test]
fn only_expectations_change() {
    let text = "## t\n\n```lp left\nm v=1\n```\n\n```expect\nold\n```\ntrailing prose\n\n## u\n\n````expect\n```\n````\n";
    let (_folder, path) = suite(text);
    run_in_mode(Mode::Update, &path, |case| match case.name.as_str() {
        "t" => case.named("lp", "left").unwrap().to_owned() + "``` fence",
        _ => "```".to_owned(),
    });
    let updated = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        updated,
        text.replace("```expect\nold\n```", "````expect\nm v=1\n``` fence\n````")
            .replace("`````expect", "````expect")
    );
}

#[test]
fn named_outputs_are_compared_one_by_one() {
    let text = "## t\n```expect first\n1\n```\n```expect third\n3\n```\n";
    let (_folder, path) = suite(text);
    let outputs = |_: &Case| vec![("first", "1"), ("second", "2")];
    let ran = std::panic::catch_unwind(|| run_in_mode(Mode::Compare, &path, outputs));
    let message = *ran.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.contains("no ```expect second block; this came:\n2\n"),
        "{message}"
    );
    assert!(
        message.contains("```expect third is expected and did not come"),
        "{message}"
    );
    run_in_mode(Mode::Update, &path, outputs);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "## t\n```expect first\n1\n```\n```expect second\n2\n```\n"
    );
}

#[test]
fn an_empty_output_is_an_empty_block() {
    let (_folder, path) = suite("## t\n\n```say\n```\n");
    run_in_mode(Mode::Update, &path, shout);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "## t\n\n```say\n```\n```expect\n```\n"
    );
    run_in_mode(Mode::Compare, &path, shout);
}

#[test]
fn files_that_are_no_suites_are_refused() {
    let panics = |text: &str| {
        let (folder, path) = suite(text);
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        let message = failure(&path, shout);
        (message, failure(folder.path(), |_| String::new()))
    };
    let (message, of_folder) = panics("# no test here\n");
    assert!(
        message.ends_with("no test found (a test is a ## heading)"),
        "{message}"
    );
    assert!(
        of_folder.contains("notes.txt is not a suite"),
        "{of_folder}"
    );
    let (message, _) = panics("## t\n## t\n");
    assert!(
        message.ends_with("suite.md:2: two tests are called \"t\""),
        "{message}"
    );
    let (message, _) = panics("## t\n```say\nhello\n");
    assert!(
        message.ends_with("suite.md:2: the block is not closed"),
        "{message}"
    );
}

#[test]
fn forgotten_files_are_named() {
    let (folder, _path) = suite(SUITE);
    assert_none_forgotten(folder.path(), &["suite.md"]);
    let path = folder.path().to_owned();
    let ran = std::panic::catch_unwind(|| assert_none_forgotten(path, &["other.md"]));
    let message = *ran.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("suite.md is run by no test"), "{message}");
    assert!(
        message.contains("other.md is named by a test and does not exist"),
        "{message}"
    );
}
