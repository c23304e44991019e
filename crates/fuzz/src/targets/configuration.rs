//! What operators write: the configuration of each role, rules, users, scenarios.

use watchpost_agent::config::AgentConfig;
use watchpost_alerter::config::AlerterConfig;
use watchpost_alerter::rule_file;
use watchpost_bench::settings::Settings as BenchSettings;
use watchpost_provisioner::platform;
use watchpost_provisioner::settings::Settings as ProvisionerSettings;
use watchpost_service::config::reference::sample;
use watchpost_service::config::{RoleConfig, Sources, load_text};
use watchpost_web::config::WebConfig;
use watchpost_web::sign_in::users::Users;

use super::{Answer, PARSER, Target, text};
use crate::corpus::Seeds;

const TOML: Target = Target {
    words: &[
        "[",
        "]",
        "[[",
        "]]",
        "=",
        ".",
        "\n",
        "\"",
        "\"\"\"",
        "'",
        "'''",
        "#",
        "{",
        "}",
        ",",
        "true",
        "1_000",
        "0x7f",
        "1e9",
        "inf",
        "nan",
        "2024-01-01T00:00:00Z",
        "\\u0041",
        "\\UFFFFFFFF",
        "é",
        "[influx]\n",
        "url = \"http://a\"\n",
        "token_file = \"/dev/null\"\n",
        "interval = \"10s\"\n",
    ],
    nests: &[
        ("[", "]"),
        ("{a = ", "}"),
        ("a.", ""),
        ("[a", "]\n"),
        ("x = [", "]"),
        ("\"", "\""),
    ],
    memory: 64 << 20,
    ..PARSER
};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "rules",
        about: "the alerter's rules, routes and receivers",
        seeds: Seeds {
            files: &["deploy/rules.toml"],
            blocks: &[
                ("crates/alerter/testdata", "toml"),
                ("docs/alerting.md", "toml"),
            ],
            ..Seeds::NONE
        },
        words: &[
            "[[rule]]\n",
            "[route]\n",
            "[[route.routes]]\n",
            "[[receiver]]\n",
            "[[inhibit]]\n",
            "[[mute]]\n",
            "name = \"a\"\n",
            "kind = \"threshold\"\n",
            "kind = \"slack\"\n",
            "above = { warn = 1, critical = 2 }\n",
            "match = ['a=~\"b|c\"']\n",
            "summary = \"{{ value_text }}\"\n",
            "where = ['host=\"a\"']\n",
            "for = \"5m\"\n",
            "times = [\"22:00-06:00\"]\n",
            "days = [\"mon\"]\n",
            "[",
            "]",
            "=",
            "\"",
            "{",
            "}",
            "\n",
            "-1",
            "inf",
        ],
        make: || Box::new(|input| Answer::of(&rule_file::parse(&text(input)))),
        ..TOML
    },
    Target {
        name: "agent_configuration",
        about: "watchpost-agent.toml",
        more_seeds: || Ok(vec![sample::<AgentConfig>().into_bytes()]),
        make: || Box::new(role::<AgentConfig>),
        ..TOML
    },
    Target {
        name: "alerter_configuration",
        about: "watchpost-alerter.toml",
        more_seeds: || Ok(vec![sample::<AlerterConfig>().into_bytes()]),
        make: || Box::new(role::<AlerterConfig>),
        ..TOML
    },
    Target {
        name: "web_configuration",
        about: "watchpost-web.toml",
        more_seeds: || Ok(vec![sample::<WebConfig>().into_bytes()]),
        make: || Box::new(role::<WebConfig>),
        ..TOML
    },
    Target {
        name: "provisioner_configuration",
        about: "watchpost-provisioner.toml",
        more_seeds: || Ok(vec![sample::<ProvisionerSettings>().into_bytes()]),
        make: || Box::new(role::<ProvisionerSettings>),
        ..TOML
    },
    Target {
        name: "bench_configuration",
        about: "watchpost-bench.toml",
        more_seeds: || Ok(vec![sample::<BenchSettings>().into_bytes()]),
        make: || Box::new(role::<BenchSettings>),
        ..TOML
    },
    Target {
        name: "platform",
        about: "the provisioner's desired state",
        seeds: Seeds {
            files: &["deploy/platform.toml"],
            ..Seeds::NONE
        },
        make: || Box::new(|input| Answer::of(&platform::parse("platform.toml", &text(input)))),
        ..TOML
    },
    Target {
        name: "users",
        about: "the web page's users file",
        seeds: Seeds {
            texts: &[
                "[[users]]\nname = \"ada\"\nrole = \"operator\"\npassword_hash = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"\n[[tokens]]\nname = \"report\"\nrole = \"viewer\"\ntoken_hash = \"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"\n",
            ],
            ..Seeds::NONE
        },
        words: &[
            "[[users]]\n",
            "[[tokens]]\n",
            "name = \"",
            "role = \"viewer\"\n",
            "password_hash = \"",
            "$argon2id$",
            "v=19$",
            "m=4294967295,t=4294967295,p=1$",
            "\"\n",
            "=",
            "$",
        ],
        make: || Box::new(|input| Answer::of(&Users::parse(&text(input)))),
        ..TOML
    },
];

fn role<C: RoleConfig>(input: &[u8]) -> Answer {
    Answer::of(&load_text::<C>(
        "configuration.toml",
        &text(input),
        &Sources::default(),
    ))
}
