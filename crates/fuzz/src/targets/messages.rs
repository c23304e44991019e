//! What alerts are matched by and what messages are made of.

use std::time::Duration;

use watchpost_alerter::labels::Labels;
use watchpost_alerter::matcher::Matcher;
use watchpost_alerter::presentation::Presentation;
use watchpost_alerter::receivers::test_message;
use watchpost_alerter::template::{MessageView, check, plain, render};

use super::{Answer, PARSER, Target, text};
use crate::corpus::Seeds;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "matcher",
        about: "host=~\"a|b\", as rules, silences and amtool write it",
        seeds: Seeds {
            texts: &[
                "host=\"a\"",
                "severity!=critical",
                "alertname=~\"fo.*\"",
                "\"a b\"!~'x'",
                "a=\"\\n\\u00e9\\x41\"",
            ],
            ..Seeds::NONE
        },
        words: &[
            "=", "!=", "=~", "!~", "\"", "'", "`", "{", "}", ",", "\\", "\\x", "\\u", "\\\"",
            "host", " ", ".*", "(a|b)", "[", "]",
        ],
        nests: &[
            ("(", ")"),
            ("{", "}"),
            ("\"", "\""),
            ("(a|", ")"),
            ("(", "){1,1000}"),
        ],
        make: || Box::new(matcher),
        ..PARSER
    },
    Target {
        name: "template",
        about: "a template of a message, rendered for an alert",
        seeds: Seeds {
            texts: &[
                "{{ severity | upper }}: {% for alert in alerts %}{{ alert.summary }} {{ alert.value | quantity('%') }}{% if not loop.last %}, {% endif %}{% endfor %}",
                "{% set x = alerts | map(attribute='name') | join(', ') %}{{ x | truncate(5) }}",
                "{% macro m(a, b=1) %}{{ a }}{% endmacro %}{{ m(labels.host) }}",
                "{{ 10 | bytes }} {{ 3.5 | duration }} {{ 1700000000000000000 | time }} {{ labels | tojson }} {{ range(3) | list }}",
            ],
            blocks: &[("docs/alerting.md", "jinja")],
            ..Seeds::NONE
        },
        words: &[
            "{{ ",
            " }}",
            "{% ",
            " %}",
            "{#",
            "#}",
            "for a in range(100000)",
            "endfor",
            "if ",
            "else",
            "endif",
            "set x = ",
            "macro m()",
            "endmacro",
            "call m()",
            "endcall",
            "filter upper",
            "endfilter",
            "include 'x'",
            "extends 'x'",
            "block b",
            "endblock",
            "import 'x' as y",
            " | upper",
            " | join(x)",
            " | replace('a', 'bb')",
            " | indent(9999)",
            " | batch(2)",
            " | tojson",
            " | urlencode",
            " | sort",
            " | list",
            " | bytes",
            " | duration",
            " | time",
            " | quantity('B')",
            " | round(400)",
            "alerts",
            "labels",
            "alerts[0]",
            ".name",
            "[0:9]",
            "'a'",
            "\"b\"",
            "x * 1000000",
            " ~ ",
            "+",
            "-",
            "*",
            "/",
            "//",
            "%",
            "**",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "loop.index",
            "self.b()",
            "range(9999999)",
            "namespace()",
            "1e300",
            "9223372036854775807",
            "is defined",
            "not ",
            "in ",
            "and ",
            "{%- raw %}",
            "{% endraw %}",
        ],
        nests: &[
            ("(", ")"),
            ("[", "]"),
            ("{'a': ", "}"),
            ("{{ ", " }}"),
            ("{% if x %}", "{% endif %}"),
            ("{% for a in alerts %}", "{% endfor %}"),
            ("not ", ""),
            ("-", ""),
            ("", " | upper"),
            ("", ".a"),
            ("", "[0]"),
            ("1 + ", ""),
            ("", " ~ x"),
            ("{% set x = [x, x] %}", ""),
            ("{% macro m() %}", "{% endmacro %}"),
            ("2 ** ", ""),
            ("x if y else ", ""),
            ("m(", ")"),
        ],
        longest: 64 << 10,
        memory: 64 << 20,
        processor: Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 3 }),
        make: || Box::new(template),
        ..PARSER
    },
];

fn matcher(input: &[u8]) -> Answer {
    let parsed = text(input).parse::<Matcher>();
    if let Ok(matcher) = &parsed {
        let again = matcher.to_string().parse::<Matcher>();
        assert!(
            again.is_ok_and(|again| again == *matcher),
            "written as {matcher} it is another one"
        );
        return Answer::taken(matcher.matches(&Labels::from([("host", "a")])));
    }
    Answer::of(&parsed)
}

fn template(input: &[u8]) -> Answer {
    let text = text(input);
    if let Err(error) = check(&text) {
        return Answer::refused(error);
    }
    let message = test_message("ops", 1_700_000_000_000_000_000);
    let view = MessageView::new(&message, &Presentation::default());
    match render(&text, &view, plain) {
        Ok(_) => Answer::taken("rendered"),
        Err(error) => Answer::refused(error),
    }
}
