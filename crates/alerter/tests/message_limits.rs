//! Whatever labels, annotations and templates hold: what is sent is what its service takes, within its
//! limits. The readers here are the services' own, as their documents describe them.

use serde_json::Value;
use watchpost_alerter::alert::{Alert, Severity};
use watchpost_alerter::labels::Labels;
use watchpost_alerter::pipeline::dedup::News;
use watchpost_alerter::pipeline::notification::Notification;
use watchpost_alerter::receivers::send;
use watchpost_alerter::rule_file::parse;
use watchpost_testkit::{HttpReceiver, Refusal, SmtpReceiver, temp_folder};

use crate::receivers::{NOW, surroundings};

/// Messages of each channel.
const MESSAGES: u64 = 120;

/// What values are made of.
const SCRAPS: [&str; 28] = [
    "disk",
    " ",
    "\n",
    "\r\n",
    "<b>",
    "</b>",
    "<",
    ">",
    "&",
    "&amp;",
    "`",
    "```",
    "*",
    "_it_",
    "~",
    "[a](b)",
    "|",
    "\\",
    "\"",
    "'",
    "@all",
    "<!channel>",
    "\u{202e}",
    "\u{0}\u{7}",
    "e\u{301}",
    "👩\u{200d}👩\u{200d}👧",
    "שלום",
    "مرحبا",
];
/// What own templates are made of, whole and broken.
const MARKUP: [&str; 27] = [
    "{% for a in alerts %}",
    "{% endfor %}",
    "{{ title }}",
    "{{ alerts[0].summary }}",
    "{{ alerts[0].annotations.description }}",
    "{{ alerts[0].labels.long }}",
    "<b>",
    "</b>",
    "<i>",
    "</i>",
    "<a href=\"https://example.org/?a=1&b=2\">",
    "</a>",
    "<pre>",
    "</pre>",
    "<br>",
    "<p>",
    "<code class=\"language-sh\">",
    "</code>",
    "&lt;",
    "& ",
    "<https://example.org|text>",
    "<https://example.org|{{ alerts[0].annotations.description }}>",
    "```\n",
    "`code`",
    "[text](https://example.org)",
    "\n",
    "plain words ",
];

struct Random(fastrand::Rng);

impl Random {
    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.0.usize(..all.len())]
    }

    /// Up to 10 kB, mostly short.
    fn value(&mut self) -> String {
        let most = [5, 40, 400, 10_000][self.0.usize(..4)];
        let mut text = String::new();
        let scrap = self.one_of(&SCRAPS);
        let repeats = self.0.bool();
        while text.len() < most {
            text.push_str(if repeats { scrap } else { self.one_of(&SCRAPS) });
        }
        text.truncate(text.floor_char_boundary(10_000));
        text
    }

    fn message(&mut self) -> Notification {
        let count = [1, 1, 2, 40][self.0.usize(..4)];
        let group = self.value();
        let alerts = (0..count).map(|n| {
            let (host, long) = (self.value(), self.value());
            let labels = Labels::from([("alertname", "cpu"), ("host", &host), ("long", &long)]);
            let labels = labels.with("n", n.to_string());
            let mut alert = Alert::of_rule(labels, Severity::Critical, NOW - n);
            for name in ["summary", "description", "runbook_url"] {
                alert.annotations.insert(name.to_owned(), self.value());
            }
            alert.value = Some(self.0.f64() * 100.0);
            alert.ends_at = self.0.bool().then_some(NOW);
            alert
        });
        Notification {
            id: 7,
            group: "ops|{}|alertname=cpu".into(),
            receiver: "ops".to_owned(),
            group_labels: Labels::from([("alertname", &*group)]),
            news: News::FirstFiring,
            alerts: alerts.collect(),
            created_at: NOW,
            digest_of: 0,
            repeated: self.0.bool(),
        }
    }

    /// A template that is valid, though its markup may not be.
    fn template(&mut self) -> String {
        let pieces = self.0.usize(1..30);
        let mut text: String = (0..pieces).map(|_| self.one_of(&MARKUP)).collect();
        if self.0.bool() {
            text = format!(
                "{{% for a in alerts %}}<b>{{{{ a.name }}}}</b> {{{{ a.summary }}}}\n<i>{{{{ a.annotations.description }}}}</i>\n{{% endfor %}}{text}"
            );
        }
        match watchpost_alerter::template::check(&text) {
            Ok(()) => text,
            Err(_) => "{{ alerts[0].summary }}\n".to_owned() + self.one_of(&MARKUP[6..]),
        }
    }
}

/// Sends random messages through the receiver and gives what arrived; a request that `refuses` says is
/// wrong fails the test with its seed.
fn sweep(kind: &str, keys: &str, hook: &HttpReceiver, refuses: impl Fn(&Value) -> Option<String>) {
    let folder = temp_folder();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let around = surroundings(folder.path(), &[("URL", hook.url("/"))]);
    for seed in 0..MESSAGES {
        let mut random = Random(fastrand::Rng::with_seed(seed));
        let mut file = format!(
            "[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\nkind = \"{kind}\"\n{keys}\n"
        );
        for key in ["title", "text"] {
            if random.0.bool() {
                file.push_str(&format!(
                    "{key} = {}\n",
                    toml::Value::from(random.template())
                ));
            }
        }
        let file = parse(&file).unwrap_or_else(|mistakes| panic!("{kind} {seed}: {mistakes}"));
        let before = hook.requests.len();
        hook.refuse(1, &Refusal::status(200).body(r#"{"ok":true}"#));
        let sent = runtime.block_on(send(&file.receivers["ops"], &random.message(), &around));
        sent.unwrap_or_else(|failure| panic!("{kind} {seed}: {failure:?}"));
        for request in &hook.requests.wait(before + 1)[before..] {
            let body = serde_json::from_slice(&request.body).unwrap();
            let refusal = refuses(&body);
            assert_eq!(refusal, None, "{kind}, seed {seed}: {body:#}");
            let control = request.text().contains(['\u{202e}', '\u{0}']);
            assert!(!control, "{kind}, seed {seed}: a control character");
        }
    }
}

fn units(value: &Value) -> usize {
    value.as_str().unwrap_or_default().encode_utf16().count()
}

fn is_visible(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.chars().any(|c| !c.is_whitespace() && c != '\u{200b}')
}

/// Telegram's parser (`parse_html` of its open server): what it answers 400 to.
fn telegram_refuses(text: &str) -> Option<String> {
    let known = [
        "b",
        "strong",
        "i",
        "em",
        "u",
        "ins",
        "s",
        "strike",
        "del",
        "span",
        "tg-spoiler",
        "a",
        "code",
        "pre",
        "blockquote",
    ];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let Some(end) = rest.find('>') else {
            return Some("Unclosed start tag".to_owned());
        };
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Some(format!("Unmatched end tag </{name}>"));
            }
            continue;
        }
        let name = tag.split(' ').next().unwrap_or_default();
        if !known.contains(&name) {
            return Some(format!("Unsupported start tag {name:?}"));
        }
        if tag.matches('"').count() % 2 == 1 {
            return Some(format!("Unclosed attribute in {tag:?}"));
        }
        open.push(name);
    }
    open.pop()
        .map(|name| format!("Can't find end tag </{name}>"))
}

#[test]
fn telegram_gets_well_formed_html() {
    let hook = HttpReceiver::webhook();
    let keys = format!(
        "api_url = \"{}\"\ntoken_env = \"URL\"\nchat = \"c\"",
        hook.url("")
    );
    sweep("telegram", &keys, &hook, |body| {
        let text = &body["text"];
        if units(text) > 4_096 || !is_visible(text) {
            return Some(format!("length {}", units(text)));
        }
        let text = text.as_str().unwrap();
        let cut_entity = text.rfind('&').is_some_and(|at| !text[at..].contains(';'));
        telegram_refuses(text).or_else(|| cut_entity.then(|| "a cut entity".to_owned()))
    });
}

/// No `<` without its `>`, no cut entity, no open code block.
fn slack_shows_wrong(text: &str) -> Option<String> {
    let opened =
        text.matches('<').count() - text.matches('<').count().min(text.matches('>').count());
    let fences = text.matches("```").count();
    (opened > 0 || fences % 2 == 1).then(|| format!("{opened} open, {fences} fences"))
}

#[test]
fn slack_gets_whole_links_and_entities() {
    let slack = HttpReceiver::webhook();
    sweep("slack", "url_env = \"URL\"", &slack, |body| {
        let attachments = body["attachments"].as_array().unwrap();
        let texts = attachments.iter().flat_map(|attachment| {
            let fields = attachment["fields"].as_array().into_iter().flatten();
            let values = fields.map(|field| &field["value"]);
            values.chain([&attachment["text"], &attachment["title"]])
        });
        let mut texts: Vec<&Value> = texts.collect();
        texts.push(&body["text"]);
        let long = texts.iter().any(|text| units(text) > 3_000);
        let wrong = texts
            .iter()
            .find_map(|text| slack_shows_wrong(text.as_str().unwrap_or_default()));
        let bad = attachments.len() > 20 || long || !is_visible(&body["text"]);
        wrong.or_else(|| bad.then(|| "too long or nothing to see".to_owned()))
    });
}

#[test]
fn discord_gets_embeds_within_its_limits() {
    let discord = HttpReceiver::webhook();
    sweep("discord", "url_env = \"URL\"", &discord, |body| {
        let embed = &body["embeds"][0];
        let fields = embed["fields"].as_array().cloned().unwrap_or_default();
        let lengths = fields
            .iter()
            .map(|field| units(&field["name"]) + units(&field["value"]));
        let whole = units(&embed["title"]) + units(&embed["description"]) + lengths.sum::<usize>();
        let long = units(&embed["title"]) > 256
            || units(&embed["description"]) > 4_096
            || whole > 6_000
            || fields.len() > 25
            || fields
                .iter()
                .any(|field| units(&field["value"]) > 1_024 || !is_visible(&field["value"]));
        let fences = embed["description"]
            .as_str()
            .unwrap_or_default()
            .matches("```")
            .count();
        let wrong = long || fences % 2 == 1 || !is_visible(&embed["title"]);
        wrong.then(|| format!("{whole} characters, {fences} fences"))
    });
}

#[test]
fn teams_gets_cards_of_at_most_28_kilobytes() {
    let teams = HttpReceiver::webhook();
    sweep("teams", "url_env = \"URL\"", &teams, |body| {
        let card = &body["attachments"][0]["content"];
        let length = body.to_string().len();
        let empty = !is_visible(&card["body"][0]["text"]);
        (length > 28 * 1_024 || empty).then(|| format!("{length} bytes"))
    });
}

#[test]
fn ntfy_gets_messages_of_at_most_four_kilobytes() {
    let ntfy = HttpReceiver::webhook();
    let keys = format!("url = \"{}\"\ntopic = \"t\"", ntfy.url("/"));
    sweep("ntfy", &keys, &ntfy, |body| {
        let text = |name: &str| body[name].as_str().unwrap_or_default().len();
        let buttons = body["actions"].as_array().map_or(0, Vec::len);
        let wrong = text("message") > 4_096 || text("title") > 250 || buttons > 3;
        (wrong || !is_visible(&body["title"])).then(|| format!("{} bytes", text("message")))
    });
}

#[test]
fn pagerduty_gets_fields_within_its_limits() {
    let pagerduty = HttpReceiver::webhook();
    let folder = temp_folder();
    let around = surroundings(folder.path(), &[("URL", "key".to_owned())]);
    let file = format!(
        "[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\nkind = \"pagerduty\"\nurl = \"{}\"\nrouting_key_env = \"URL\"",
        pagerduty.url("/")
    );
    let file = parse(&file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    for seed in 0..MESSAGES {
        let message = Random(fastrand::Rng::with_seed(seed)).message();
        runtime
            .block_on(send(&file.receivers["ops"], &message, &around))
            .unwrap();
    }
    for request in pagerduty.requests.all() {
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        let payload = &event["payload"];
        assert!(units(&payload["summary"]) <= 1_024 && is_visible(&payload["summary"]));
        assert!(
            units(&payload["source"]) <= 255 && is_visible(&payload["source"]),
            "{event:#}"
        );
        assert!(request.body.len() <= 512 * 1_024);
    }
}

#[test]
fn mail_has_headers_of_ascii_and_lines_within_the_limit() {
    let server = SmtpReceiver::open();
    let folder = temp_folder();
    let around = surroundings(folder.path(), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    for seed in 0..MESSAGES {
        let mut random = Random(fastrand::Rng::with_seed(seed));
        let templates = format!(
            "title = {}\ntext = {}\n",
            toml::Value::from(random.template()),
            toml::Value::from(random.template())
        );
        let file = format!(
            "[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\nkind = \"email\"\nhost = \"127.0.0.1\"\n\
             port = {}\nsecurity = \"none\"\nfrom = \"w@example.org\"\nto = [\"a@example.org\"]\n{}",
            server.address().port(),
            if random.0.bool() { &templates } else { "" }
        );
        let file = parse(&file).unwrap_or_else(|mistakes| panic!("{seed}: {mistakes}"));
        let sent = runtime.block_on(send(&file.receivers["ops"], &random.message(), &around));
        sent.unwrap_or_else(|failure| panic!("{seed}: {failure:?}"));
    }
    for mail in server.mails.wait(MESSAGES as usize) {
        let (headers, _) = mail.data.split_once("\n\n").unwrap();
        assert!(headers.is_ascii(), "{headers}");
        let names = [
            "From:",
            "To:",
            "Subject:",
            "Message-ID:",
            "Auto-Submitted:",
            "References:",
            "In-Reply-To:",
            "Date:",
            "MIME-Version:",
            "Content-Type:",
            " ",
            "\t",
        ];
        for line in headers.lines() {
            assert!(
                names.iter().any(|name| line.starts_with(name)),
                "{line:?} in {headers}"
            );
        }
        // RFC 5322, 2.1.1.
        assert!(mail.data.lines().all(|line| line.len() <= 998));
    }
}
