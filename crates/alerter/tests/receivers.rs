//! What each channel sends, to a receiver that records it; values are hostile throughout.

use std::collections::BTreeMap;

use watchpost_alerter::alert::{Alert, Severity};
use watchpost_alerter::labels::Labels;
use watchpost_alerter::pipeline::dedup::News;
use watchpost_alerter::pipeline::delivery::Failure;
use watchpost_alerter::pipeline::notification::Notification;
use watchpost_alerter::presentation::Presentation;
use watchpost_alerter::receivers::{
    Delivered, PartlyTaken, PostedMessages, Surroundings, client, send,
};
use watchpost_alerter::rule_file::parse;
use watchpost_testkit::{Authority, HttpReceiver, Refusal, SmtpReceiver, temp_folder};

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600_000_000_000;
/// Mentions, markup, a shell's, a header's, and one that turns the text around (U+202E).
const HOSTILE: &str =
    "<!channel> @everyone <at>all</at> *b* `c` $(id)\u{202e}\r\nBcc: evil@example.org";

pub(crate) fn message() -> Notification {
    let labels = Labels::from([("alertname", "cpu_high"), ("host", HOSTILE)]);
    let mut alert = Alert::of_rule(labels, Severity::Critical, NOW);
    alert
        .annotations
        .insert("summary".to_owned(), format!("CPU of {HOSTILE} & more"));
    alert.value = Some(97.256);
    alert.threshold = Some(95.0);
    Notification {
        id: 7,
        group: "ops|{}|alertname=cpu_high".into(),
        receiver: "ops".to_owned(),
        group_labels: Labels::from([("alertname", "cpu_high")]),
        news: News::FirstFiring,
        alerts: vec![alert],
        created_at: NOW,
        digest_of: 0,
        repeated: false,
    }
}

pub(crate) fn surroundings(folder: &std::path::Path, secrets: &[(&str, String)]) -> Surroundings {
    let environment = secrets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Surroundings {
        http: client(None).unwrap(),
        folder: folder.to_owned(),
        environment: environment.collect::<BTreeMap<_, _>>(),
        history: None,
        posted: PostedMessages::default(),
        partly: PartlyTaken::default(),
        presentation: Presentation::default(),
    }
}

/// Sends the message through a receiver written as in a rule file.
fn deliver(
    receiver: &str,
    secrets: &[(&str, String)],
    message: &Notification,
) -> Result<String, Failure> {
    delivered(receiver, secrets, message).map(|delivered| delivered.answer)
}

fn delivered(
    receiver: &str,
    secrets: &[(&str, String)],
    message: &Notification,
) -> Result<Delivered, Failure> {
    let folder = temp_folder();
    let text = format!("[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\n{receiver}");
    let file = parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(send(
        &file.receivers["ops"],
        message,
        &surroundings(folder.path(), secrets),
    ))
}

fn sent_json(receiver: &HttpReceiver) -> serde_json::Value {
    serde_json::from_slice(&receiver.requests.wait(1)[0].body).unwrap()
}

#[test]
fn slack_webhook_has_fields_and_no_mentions() {
    let slack = HttpReceiver::slack();
    let answer = deliver(
        "kind = \"slack\"\nurl_env = \"URL\"",
        &[("URL", slack.url("/T/B"))],
        &message(),
    );
    assert_eq!(answer.unwrap(), "ok");
    let body = sent_json(&slack);
    let fields = body["attachments"][0]["fields"].as_array().unwrap();
    let titles: Vec<&str> = fields
        .iter()
        .map(|field| field["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["Host", "Value", "Level", "Since", "Rule"]);
    assert_eq!(body["attachments"][0]["color"], "danger");
    let text = body.to_string();
    assert!(!text.contains('<') && !text.contains("@everyone"), "{text}");
    assert!(text.contains("&lt;!channel&gt;"), "{text}");
}

#[test]
fn webhook_is_alertmanagers_and_signed() {
    let hook = HttpReceiver::webhook();
    let receiver = format!(
        "kind = \"webhook\"\nurl = \"{}\"\nhmac_env = \"KEY\"",
        hook.url("/hook")
    );
    deliver(&receiver, &[("KEY", "secret".to_owned())], &message()).unwrap();
    let request = hook.requests.wait(1)[0].clone();
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&body["version"], &body["status"]),
        (&"4".into(), &"firing".into())
    );
    assert_eq!(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(body["commonLabels"]["alertname"], "cpu_high");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secret");
    let expected: String = ring::hmac::sign(&key, &request.body)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        request.header("x-watchpost-signature"),
        Some(&*format!("sha256={expected}"))
    );
}

#[test]
fn answers_say_whether_trying_again_helps() {
    let cases = [
        (500, true),
        (503, true),
        (429, true),
        (408, true),
        (400, false),
        (401, false),
        (404, false),
    ];
    for (status, retry) in cases {
        let hook = HttpReceiver::webhook();
        hook.refuse(1, &Refusal::status(status).retry_after("7").body("no"));
        let failure = deliver(
            &format!("kind = \"webhook\"\nurl = \"{}\"", hook.url("/")),
            &[],
            &message(),
        )
        .unwrap_err();
        assert_eq!(
            (failure.retry, failure.retry_after.is_some()),
            (retry, retry),
            "{status}: {failure:?}"
        );
    }
}

/// The message and the receiver's secrets are for the host that was named, and for no other that this one names.
#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = HttpReceiver::webhook();
    for status in [301, 302, 303, 307, 308] {
        let hook = HttpReceiver::webhook();
        let away = Refusal::status(status).location(&elsewhere.url("/"));
        hook.refuse(1, &away);
        let failure = deliver(
            &format!("kind = \"webhook\"\nurl = \"{}\"", hook.url("/")),
            &[],
            &message(),
        )
        .unwrap_err();
        assert!(!failure.retry, "{status}: {failure:?}");
    }
    assert!(elsewhere.requests.all().is_empty());
}

#[test]
fn a_receiver_that_is_not_there_is_tried_again_and_its_secret_not_told() {
    let secret = "http://127.0.0.1:1/secret-path".to_owned();
    let failure = deliver(
        "kind = \"teams\"\nurl_env = \"URL\"",
        &[("URL", secret)],
        &message(),
    )
    .unwrap_err();
    assert!(
        failure.retry && !failure.reason.contains("secret-path"),
        "{failure:?}"
    );
}

#[test]
fn email_has_text_and_html_and_no_foreign_headers() {
    let server = SmtpReceiver::with_auth();
    let receiver = format!(
        "kind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nfrom = \"Watch <w@example.org>\"\n\
         to = [\"ops@example.org\"]\nusername = \"u\"\npassword_env = \"PW\"",
        server.address().port()
    );
    deliver(&receiver, &[("PW", "p".to_owned())], &message()).unwrap();
    let mail = server.mails.wait(1)[0].clone();
    assert!(mail.auth.is_some());
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("w@example.org", &["ops@example.org".to_owned()][..])
    );
    let (headers, body) = mail.data.split_once("\n\n").unwrap();
    assert!(
        !headers.lines().any(|line| line.starts_with("Bcc:")),
        "{headers}"
    );
    assert!(headers.contains("Subject: [FIRING]"), "{headers}");
    assert!(
        body.contains("text/plain") && body.contains("text/html"),
        "{body}"
    );
}

#[test]
fn pagerduty_dedups_by_fingerprint() {
    let hook = HttpReceiver::webhook();
    let receiver = format!(
        "kind = \"pagerduty\"\nurl = \"{}\"\nrouting_key_env = \"KEY\"",
        hook.url("/v2")
    );
    deliver(&receiver, &[("KEY", "k".to_owned())], &message()).unwrap();
    let body = sent_json(&hook);
    assert_eq!(body["event_action"], "trigger");
    assert_eq!(
        body["dedup_key"],
        message().alerts[0].fingerprint.to_string()
    );
    assert_eq!(body["payload"]["severity"], "critical");
}

#[test]
fn discord_teams_and_ntfy_escape_their_markup() {
    for (kind, forbidden) in [("discord", "@everyone"), ("teams", "<at>"), ("ntfy", "\r")] {
        let hook = HttpReceiver::webhook();
        let receiver = match kind {
            "ntfy" => format!(
                "kind = \"ntfy\"\nurl = \"{}\"\ntopic = \"ops\"",
                hook.url("/")
            ),
            _ => format!("kind = \"{kind}\"\nurl_env = \"URL\""),
        };
        deliver(&receiver, &[("URL", hook.url("/"))], &message()).unwrap();
        let text = sent_json(&hook).to_string();
        assert!(
            !text.contains(forbidden) && text.contains("97.26"),
            "{kind}: {text}"
        );
        assert!(!text.contains('\u{202e}'), "{kind}: {text}");
    }
}

#[test]
fn a_command_gets_the_message_on_its_input_and_no_shell() {
    let folder = temp_folder();
    let output = folder.path().join("out");
    let receiver = format!(
        "kind = \"command\"\nprogram = \"/usr/bin/tee\"\narguments = [\"{}\"]",
        output.display()
    );
    deliver(&receiver, &[], &message()).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&std::fs::read(output).unwrap()).unwrap();
    assert_eq!(body["alerts"][0]["labels"]["host"], HOSTILE);
}

#[test]
fn a_file_has_one_line_an_alert() {
    let folder = temp_folder();
    let path = folder.path().join("alerts.log");
    deliver(
        &format!("kind = \"file\"\npath = \"{}\"", path.display()),
        &[],
        &message(),
    )
    .unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.starts_with("2026-01-01T00:00:00Z FIRING critical cpu_high"),
        "{text}"
    );
}

#[test]
fn a_value_makes_no_line_of_its_own_in_a_file_either() {
    let folder = temp_folder();
    let path = folder.path().join("alerts.log");
    let template = "{% for alert in alerts %}{{ alert.host }}\\n{{ alert.summary }}{% endfor %}";
    let receiver = format!(
        "kind = \"file\"\npath = \"{}\"\ntext = \"{template}\"",
        path.display()
    );
    deliver(&receiver, &[], &message()).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    // The template's own line break is one.
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains('\u{202e}'), "{text}");
}

#[test]
fn own_templates_are_used_and_their_values_escaped() {
    let slack = HttpReceiver::slack();
    let receiver = "kind = \"slack\"\nurl_env = \"URL\"\ntitle = \"*{{ alerts[0].host }}* {{ alerts[0].value | round(1) }}\"";
    deliver(receiver, &[("URL", slack.url("/"))], &message()).unwrap();
    let title = sent_json(&slack)["text"].as_str().unwrap().to_owned();
    assert!(
        title.starts_with("*&lt;!channel&gt;") && title.ends_with("* 97.3"),
        "{title}"
    );
}

#[test]
fn telegram_gets_html_whose_values_are_text() {
    let telegram = HttpReceiver::webhook();
    telegram.refuse(1, &Refusal::status(200).body(r#"{"ok":true,"result":{}}"#));
    let receiver = format!(
        "kind = \"telegram\"\napi_url = \"{}\"\ntoken_env = \"TOKEN\"\nchat = \"-100\"",
        telegram.url("")
    );
    let secrets = [("TOKEN", "1:abc".to_owned())];
    deliver(&receiver, &secrets, &message()).unwrap();
    let request = telegram.requests.wait(1)[0].clone();
    assert_eq!(request.path, "/bot1:abc/sendMessage");
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&body["chat_id"], &body["parse_mode"]),
        (&"-100".into(), &"HTML".into())
    );
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("<b>[FIRING]"), "{text}");
    assert!(
        !text.contains("<at>") && text.contains("&lt;at&gt;"),
        "{text}"
    );
    assert!(!text.contains("@everyone"), "{text}");

    telegram.refuse(
        1,
        &Refusal::status(200).body(r#"{"ok":false,"description":"chat not found"}"#),
    );
    let failure = deliver(&receiver, &secrets, &message()).unwrap_err();
    assert!(
        !failure.retry && failure.reason.contains("chat not found"),
        "{failure:?}"
    );
}

/// A runbook of several lines stays one where the channel has lines.
#[test]
fn line_breaks_of_a_value_stay_in_a_text_of_ones_own() {
    let mut message = message();
    let steps = "one\ntwo\r\n.three";
    message.alerts[0]
        .annotations
        .insert("description".to_owned(), steps.to_owned());
    let template = "text = \"{% for a in alerts %}{{ a.annotations.description }}{% endfor %}\"";
    let expected = [
        ("slack", "/attachments/0/text", "one\ntwo\n.three"),
        ("discord", "/embeds/0/description", "one\ntwo\n.three"),
        (
            "teams",
            "/attachments/0/content/body/1/text",
            "one\n\ntwo\n\n.three",
        ),
    ];
    for (kind, place, expected) in expected {
        let hook = HttpReceiver::webhook();
        let receiver = format!("kind = \"{kind}\"\nurl_env = \"URL\"\n{template}");
        deliver(&receiver, &[("URL", hook.url("/"))], &message).unwrap();
        let body = sent_json(&hook);
        let text = body.pointer(place).and_then(|text| text.as_str());
        assert_eq!(text, Some(expected), "{kind}: {body:#}");
    }
}

/// Italics in a value are shown as they are written; an underscore within a word is no mark.
#[test]
fn slack_shows_underscores_of_values() {
    let slack = HttpReceiver::slack();
    let mut message = message();
    let summary = "disk_full _it_".to_owned();
    message.alerts[0]
        .annotations
        .insert("summary".to_owned(), summary);
    let receiver = "kind = \"slack\"\nurl_env = \"URL\"";
    deliver(receiver, &[("URL", slack.url("/"))], &message).unwrap();
    let title = sent_json(&slack)["text"].as_str().unwrap().to_owned();
    assert!(
        title.contains("disk_full") && !title.contains("_it_"),
        "{title:?}"
    );
}

/// A template that fails costs itself: the default goes out, and the failure is said.
#[test]
fn a_template_that_fails_does_not_cost_the_message() {
    let slack = HttpReceiver::slack();
    let receiver = "kind = \"slack\"\nurl_env = \"URL\"\ntext = \"{% if '@everyone' in alerts[0].labels.host %}{{ alerts[5].labels.host }}{% endif %}\"";
    let taken = delivered(receiver, &[("URL", slack.url("/"))], &message()).unwrap();
    assert!(taken.failed[0].starts_with("text:"), "{taken:?}");
    assert_eq!(sent_json(&slack)["attachments"][0]["color"], "danger");
}

/// A storm in one message: two hundred alerts with long and hostile names.
fn huge() -> Notification {
    let mut message = message();
    let alert = message.alerts[0].clone();
    for n in 0..200 {
        let host = format!("host-{n}-&<>é{}", "x".repeat(300));
        let labels = (*alert.labels).clone().with("host", &host);
        let mut next = alert.clone();
        next.fingerprint = labels.fingerprint();
        next.annotations
            .insert("summary".to_owned(), host.repeat(3));
        next.labels = labels.into();
        message.alerts.push(next);
    }
    message
}

/// The service's own limits, as their documents give them.
#[test]
fn a_huge_message_fits_every_service() {
    let characters = |value: &serde_json::Value| value.as_str().unwrap().chars().count();
    let sent = |kind: &str| {
        let hook = HttpReceiver::webhook();
        hook.refuse(1, &Refusal::status(200).body(r#"{"ok":true}"#));
        let receiver = match kind {
            "telegram" => format!(
                "kind = \"telegram\"\napi_url = \"{}\"\ntoken_env = \"URL\"\nchat = \"c\"",
                hook.url("")
            ),
            "ntfy" => format!(
                "kind = \"ntfy\"\nurl = \"{}\"\ntopic = \"t\"",
                hook.url("/")
            ),
            _ => format!("kind = \"{kind}\"\nurl_env = \"URL\""),
        };
        deliver(&receiver, &[("URL", hook.url("/"))], &huge()).unwrap();
        hook.requests.wait(1)[0].clone()
    };
    let json =
        |kind: &str| -> serde_json::Value { serde_json::from_slice(&sent(kind).body).unwrap() };
    let slack = json("slack");
    assert!(slack["attachments"].as_array().unwrap().len() <= 20);
    assert!(characters(&slack["text"]) <= 40_000);
    let discord = &json("discord")["embeds"][0];
    let (title, text) = (
        characters(&discord["title"]),
        characters(&discord["description"]),
    );
    assert!(
        title <= 256 && text <= 4_096 && title + text <= 6_000,
        "{title} {text}"
    );
    assert!(characters(&json("telegram")["text"]) <= 4_096);
    assert!(json("ntfy")["message"].as_str().unwrap().len() <= 4_096);
    assert!(sent("teams").body.len() <= 28 * 1_024);
}

#[test]
fn pauses_that_services_ask_for_are_kept() {
    let seconds = |seconds: f64| (seconds * 1e9) as i64;
    let discord = r#"{"message":"You are being rate limited.","retry_after":1.5,"global":false}"#;
    let telegram = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":5}}"#;
    for (refusal, pause) in [
        (
            Refusal::status(429).retry_after("7").body("slow down"),
            seconds(7.0),
        ),
        (Refusal::status(429).body(discord), seconds(1.5)),
        (Refusal::status(429).body(telegram), seconds(5.0)),
    ] {
        let hook = HttpReceiver::webhook();
        hook.refuse(1, &refusal);
        let receiver = "kind = \"discord\"\nurl_env = \"URL\"";
        let failure = deliver(receiver, &[("URL", hook.url("/"))], &message()).unwrap_err();
        assert_eq!(
            (failure.retry, failure.retry_after),
            (true, Some(pause)),
            "{failure:?}"
        );
    }
}

#[test]
fn pagerduty_ends_what_it_began() {
    let hook = HttpReceiver::webhook();
    let receiver = format!(
        "kind = \"pagerduty\"\nurl = \"{}\"\nrouting_key_env = \"KEY\"",
        hook.url("/v2/enqueue")
    );
    let mut message = message();
    message.alerts[0].ends_at = Some(NOW);
    deliver(&receiver, &[("KEY", "k".to_owned())], &message).unwrap();
    let body = sent_json(&hook);
    assert_eq!(
        (&body["event_action"], &body["routing_key"]),
        (&"resolve".into(), &"k".into())
    );
    let summary = body["payload"]["summary"].as_str().unwrap();
    assert!(!summary.is_empty() && summary.len() <= 1_024);
    assert!(body["payload"]["source"].is_string());
}

#[test]
fn a_command_that_fails_says_whether_to_try_again() {
    let folder = temp_folder();
    for (code, retry) in [(1, true), (64, false)] {
        let program = folder.path().join(format!("exit-{code}"));
        std::fs::write(
            &program,
            format!("#!/bin/sh\necho because >&2\nexit {code}\n"),
        )
        .unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let receiver = format!("kind = \"command\"\nprogram = \"{}\"", program.display());
        let failure = deliver(&receiver, &[], &message()).unwrap_err();
        assert_eq!(failure.retry, retry, "{failure:?}");
        assert!(failure.reason.contains("because"), "{failure:?}");
    }
}

/// Every attempt at a message bears the same key, and no other message does.
#[test]
fn every_attempt_bears_the_same_key() {
    let hook = HttpReceiver::webhook();
    let webhook = format!("kind = \"webhook\"\nurl = \"{}\"", hook.url("/"));
    let ntfy = format!(
        "kind = \"ntfy\"\nurl = \"{}\"\ntopic = \"ops\"",
        hook.url("/")
    );
    let (mut again, mut next) = (message(), message());
    again.repeated = true;
    next.id += 1;
    for receiver in [&webhook, &ntfy] {
        hook.requests.clear();
        for message in [&message(), &again, &next] {
            deliver(receiver, &[], message).unwrap();
        }
        let key = |request: &watchpost_testkit::Request| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            let key = request.header("idempotency-key").map(str::to_owned);
            key.or_else(|| Some(body["sequence_id"].as_str()?.to_owned()))
                .unwrap()
        };
        let keys: Vec<String> = hook.requests.wait(3).iter().map(key).collect();
        assert!(keys[0] == keys[1] && keys[0] != keys[2], "{keys:?}");
    }
    let mails = SmtpReceiver::open();
    let email = format!(
        "kind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nfrom = \"w@example.org\"\n\
         to = [\"ops@example.org\"]",
        mails.address().port()
    );
    for message in [&message(), &again, &next] {
        deliver(&email, &[], message).unwrap();
    }
    let id = |mail: &watchpost_testkit::Mail| {
        let mut lines = mail.data.lines();
        lines
            .find(|line| line.starts_with("Message-ID:"))
            .unwrap()
            .to_owned()
    };
    let ids: Vec<String> = mails.mails.wait(3).iter().map(id).collect();
    assert!(ids[0] == ids[1] && ids[0] != ids[2], "{ids:?}");
}

#[test]
fn where_nothing_tells_a_repeat_its_text_does() {
    let mut again = message();
    again.repeated = true;
    for kind in ["slack", "teams", "discord", "telegram"] {
        let hook = HttpReceiver::webhook();
        hook.refuse(2, &Refusal::status(200).body(r#"{"ok":true}"#));
        let receiver = match kind {
            "telegram" => format!(
                "kind = \"telegram\"\napi_url = \"{}\"\ntoken_env = \"URL\"\nchat = \"c\"",
                hook.url("")
            ),
            _ => format!("kind = \"{kind}\"\nurl_env = \"URL\""),
        };
        for message in [&message(), &again] {
            deliver(&receiver, &[("URL", hook.url("/"))], message).unwrap();
        }
        let said: Vec<bool> = hook
            .requests
            .wait(2)
            .iter()
            .map(|request| request.text().contains("may have been sent before"))
            .collect();
        assert_eq!(said, [false, true], "{kind}");
    }
}

#[test]
fn a_file_is_not_written_twice() {
    let folder = temp_folder();
    let path = folder.path().join("alerts.log");
    let receiver = format!("kind = \"file\"\npath = \"{}\"", path.display());
    let mut again = message();
    again.repeated = true;
    // The first attempt wrote nothing, all, or a part.
    deliver(&receiver, &[], &again).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    assert_eq!(whole.lines().count(), 1, "{whole}");
    let answer = deliver(&receiver, &[], &again).unwrap();
    assert_eq!(
        (&*answer, std::fs::read_to_string(&path).unwrap()),
        ("was written before", whole.clone())
    );
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    deliver(&receiver, &[], &again).unwrap();
    let mended = std::fs::read_to_string(&path).unwrap();
    assert_eq!(mended, format!("{}\n{whole}", &whole[..whole.len() / 2]));
}

#[test]
fn a_command_learns_the_key_and_that_it_may_have_run() {
    let folder = temp_folder();
    let program = folder.path().join("environment");
    let script = "#!/bin/sh\necho $WATCHPOST_MESSAGE_KEY $WATCHPOST_REPEATED\n";
    std::fs::write(&program, script).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let receiver = format!("kind = \"command\"\nprogram = \"{}\"", program.display());
    let mut again = message();
    again.repeated = true;
    let first = deliver(&receiver, &[], &message()).unwrap();
    let second = deliver(&receiver, &[], &again).unwrap();
    let (key, repeated) = first.split_once(' ').unwrap();
    assert!(key.len() == 32 && repeated == "false", "{first}");
    assert_eq!(second, format!("{key} true"));
}

/// What came before is found by its key; who may not look it up posts again and says so.
#[test]
fn a_slack_bot_looks_whether_its_message_arrived() {
    let mut again = message();
    again.repeated = true;
    let posted = r#"{"ok":true,"channel":"C1","ts":"17.5"}"#;
    let bot = |slack: &HttpReceiver| {
        format!(
            "kind = \"slack\"\napi_url = \"{}\"\ntoken_env = \"T\"\nchannel = \"C1\"",
            slack.url("/api")
        )
    };
    let secrets = [("T", "xoxb".to_owned())];
    let slack = HttpReceiver::slack();
    slack.refuse(1, &Refusal::status(200).body(posted));
    deliver(&bot(&slack), &secrets, &message()).unwrap();
    let body = sent_json(&slack);
    let known = serde_json::json!({ "ok": true, "messages": [
        { "ts": "18.1", "text": "lunch?" }, { "ts": "17.5", "metadata": body["metadata"] } ] });
    slack.refuse(1, &Refusal::status(200).body(&known.to_string()));
    let answer = deliver(&bot(&slack), &secrets, &again).unwrap();
    assert_eq!(answer, "was posted before");
    let history = &slack.requests.wait(2)[1];
    assert_eq!(history.path, "/api/conversations.history");
    assert!(
        history
            .text()
            .starts_with("channel=C1&oldest=1767225540&limit="),
        "{}",
        history.text()
    );

    let slack = HttpReceiver::slack();
    let refused = r#"{"ok":false,"error":"missing_scope"}"#;
    slack.refuse(1, &Refusal::status(200).body(refused));
    slack.refuse(1, &Refusal::status(200).body(posted));
    deliver(&bot(&slack), &secrets, &again).unwrap();
    let request = &slack.requests.wait(2)[1];
    assert_eq!(request.path, "/api/chat.postMessage");
    assert!(request.text().contains("may have been sent before"));
}

#[test]
fn a_receiver_may_have_an_authority_of_its_own() {
    let authority = Authority::new();
    let folder = temp_folder();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let ca_file = format!("ca_file = \"{}\"", file.display());
    for kind in [
        "webhook",
        "slack",
        "teams",
        "discord",
        "ntfy",
        "pagerduty",
        "telegram",
    ] {
        let send = |hook: &HttpReceiver, ca_file: &str| {
            let own = match kind {
                "webhook" => format!("url = \"{}\"", hook.url("/")),
                "ntfy" => format!("url = \"{}\"\ntopic = \"t\"", hook.url("/")),
                "pagerduty" => format!("url = \"{}\"\nrouting_key_env = \"URL\"", hook.url("/")),
                "telegram" => format!(
                    "api_url = \"{}\"\ntoken_env = \"URL\"\nchat = \"c\"",
                    hook.url("")
                ),
                _ => "url_env = \"URL\"".to_owned(),
            };
            hook.refuse(1, &Refusal::status(200).body(r#"{"ok":true}"#));
            let receiver = format!("kind = \"{kind}\"\n{own}\n{ca_file}");
            deliver(&receiver, &[("URL", hook.url("/"))], &message())
        };
        let hook = HttpReceiver::with_tls(authority.server("127.0.0.1"));
        send(&hook, &ca_file).unwrap_or_else(|failure| panic!("{kind}: {failure:?}"));
        assert_eq!(hook.requests.len(), 1, "{kind}");
        // The machine's authorities do not know it, nor does ours know another's.
        let refused = send(&hook, "").unwrap_err();
        let other = HttpReceiver::with_tls(Authority::new().server("127.0.0.1"));
        let untrusted = send(&other, &ca_file).unwrap_err();
        for failure in [refused, untrusted] {
            assert!(
                failure.retry && failure.reason.contains("certificate"),
                "{kind}: {failure:?}"
            );
            // Nothing was sent: what comes later is no repeat.
            assert!(!failure.unanswered, "{kind}: {failure:?}");
        }
        assert_eq!(
            (hook.requests.len(), other.requests.len()),
            (1, 0),
            "{kind}"
        );
    }
    let absent = "kind = \"webhook\"\nurl = \"https://127.0.0.1:1/\"\nca_file = \"/no/such.pem\"";
    let failure = deliver(absent, &[], &message()).unwrap_err();
    assert!(
        failure.retry && failure.reason.contains("/no/such.pem"),
        "{failure:?}"
    );
}

#[test]
fn what_was_sent_and_not_answered_may_have_arrived() {
    let hook = HttpReceiver::webhook();
    hook.hold(true);
    let receiver = format!(
        "kind = \"webhook\"\nurl = \"{}\"\ntimeout = \"1s\"",
        hook.url("/")
    );
    let failure = deliver(&receiver, &[], &message()).unwrap_err();
    assert!(failure.retry && failure.unanswered, "{failure:?}");
    let nobody = "kind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"";
    let failure = deliver(nobody, &[], &message()).unwrap_err();
    assert!(failure.retry && !failure.unanswered, "{failure:?}");
}
