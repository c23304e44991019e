//! Templates whose texts grow end in an error of their own, before they take the memory.

use std::collections::BTreeMap;

use watchpost_alerter::template::{plain, render};

fn rendered(text: &str) -> Result<String, String> {
    let context: BTreeMap<&str, &str> = BTreeMap::from([("host", "web-1")]);
    render(text, &context, plain).map_err(|error| error.to_string())
}

/// A first step, and forty that double what the one before kept. Without a limit these would ask for terabytes.
fn doubled(first: &str, step: &str) -> String {
    format!("{first}{}{{{{ x }}}}", step.repeat(40))
}

#[test]
fn texts_that_double_end_in_an_error() {
    for text in [
        doubled("{% set x = [1] %}", "{% set x = [x, x] %}"),
        doubled("{% set x = {'a': 1} %}", "{% set x = {'a': x, 'b': x} %}"),
        doubled(
            "{% set x %}abcdefgh{% endset %}",
            "{% set x %}{{ x }}{{ x }}{% endset %}",
        ),
    ] {
        let error = rendered(&text).expect_err(&text);
        assert!(error.contains("more than"), "{error}");
    }
}

#[test]
fn a_text_that_is_kept_is_written_often() {
    let text = "{% set x %}{{ host }}, {% endset %}{% for _ in range(1000) %}{{ x }}{% endfor %}";
    assert_eq!(rendered(text), Ok("web-1, ".repeat(1_000)));
}
