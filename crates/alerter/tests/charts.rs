//! Charts where a channel takes one: in the thread of a message of Slack, within a card of Teams.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use watchpost_alerter::pipeline::notification::Notification;
use watchpost_alerter::receivers::{Surroundings, send};
use watchpost_alerter::rule_file::parse;
use watchpost_testkit::{HttpReceiver, Refusal, temp_folder};

use crate::email::{CPU, climbing, history};
use crate::receivers::{message, surroundings};

fn of_web_1() -> Notification {
    let mut message = message();
    let labels = (*message.alerts[0].labels).clone().with("host", "web-1");
    message.alerts[0].labels = labels.into();
    message
}

/// Sends the message, with data for its chart, and waits for so many requests.
fn deliver(receiver: &HttpReceiver, settings: &str, requests: usize) -> Vec<(String, Vec<u8>)> {
    let (history, _database) = history(CPU, climbing());
    let text = format!("[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\n{settings}");
    let file = parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let folder = temp_folder();
    let secrets = [("URL", receiver.url("/hook")), ("TOKEN", "xoxb".to_owned())];
    let around = Surroundings {
        history: Some(history),
        ..surroundings(folder.path(), &secrets)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let sent = runtime.block_on(send(&file.receivers["ops"], &of_web_1(), &around));
    sent.unwrap();
    let requests = receiver.requests.wait(requests);
    requests
        .iter()
        .map(|it| (it.path.clone(), it.body.clone()))
        .collect()
}

fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n")
}

#[test]
fn a_chart_is_uploaded_into_the_thread_of_its_message() {
    let slack = HttpReceiver::slack();
    let upload = format!(
        r#"{{"ok":true,"upload_url":"{}","file_id":"F1"}}"#,
        slack.url("/api/upload/1")
    );
    let answers = [
        r#"{"ok":true,"channel":"C1","ts":"1.2"}"#,
        &upload,
        "OK - 100",
        r#"{"ok":true}"#,
    ];
    for answer in answers {
        slack.refuse(1, &Refusal::status(200).body(answer));
    }
    let settings = format!(
        "kind = \"slack\"\napi_url = \"{}\"\ntoken_env = \"TOKEN\"\nchannel = \"#ops\"",
        slack.url("/api")
    );
    let requests = deliver(&slack, &settings, 4);
    let paths: Vec<&str> = requests.iter().map(|(path, _)| path.as_str()).collect();
    let expected = [
        "/api/chat.postMessage",
        "/api/files.getUploadURLExternal",
        "/api/upload/1",
        "/api/files.completeUploadExternal",
    ];
    assert_eq!(paths, expected);
    let asked = String::from_utf8_lossy(&requests[1].1);
    let length = format!("length={}", requests[2].1.len());
    assert!(asked.contains(&length), "{asked}");
    assert!(is_png(&requests[2].1));
    let shared: Value = serde_json::from_slice(&requests[3].1).unwrap();
    assert_eq!(
        (
            &shared["channel_id"],
            &shared["thread_ts"],
            &shared["files"][0]["id"]
        ),
        (&"C1".into(), &"1.2".into(), &"F1".into())
    );
}

#[test]
fn a_card_of_teams_holds_a_small_chart() {
    let teams = HttpReceiver::webhook();
    let sent = deliver(&teams, "kind = \"teams\"\nurl_env = \"URL\"", 1);
    let card: Value = serde_json::from_slice(&sent[0].1).unwrap();
    let body = card["attachments"][0]["content"]["body"]
        .as_array()
        .unwrap();
    let image = body.last().unwrap();
    assert_eq!(image["type"], "Image", "{image}");
    let url = image["url"].as_str().unwrap();
    let written = url.strip_prefix("data:image/png;base64,").unwrap();
    let png = BASE64_STANDARD.decode(written).unwrap();
    assert!(is_png(&png));
    let length = sent[0].1.len();
    assert!(length < 20_000, "{length} bytes");
    let without = "kind = \"teams\"\nurl_env = \"URL\"\nchart = false";
    let sent = deliver(&teams, without, 2);
    assert!(!String::from_utf8_lossy(&sent[1].1).contains("data:image"));
}
