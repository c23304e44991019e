//! kill -9 before, in the instant of, and after a delivery: nothing is lost, and what comes again can
//! be told from something new.

use serde_json::{Value, json};
use watchpost_testkit::{HttpReceiver, Refusal, wait};

use crate::binary::{Site, TOKEN, rules, told};

#[test]
fn after_kill_nothing_is_said_twice_and_nothing_is_lost() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(mut alerter) = site.start() else {
        return;
    };
    alerter.push("said", false);
    hook.requests.wait(1);
    // Delivered is committed before the API answers again.
    wait::until("the delivery in the history", || {
        let events = alerter.get("/api/v1/history?event=notification");
        events["events"]
            .as_array()
            .filter(|events| !events.is_empty())
            .map(drop)
    });
    hook.refuse(1_000, &Refusal::status(503));
    alerter.push("waits", false);
    hook.requests.wait(2);
    alerter.daemon.kill();
    let before = hook.requests.len();

    let open = HttpReceiver::webhook();
    std::fs::write(site.path("rules.toml"), rules(&open)).unwrap();
    let Some(alerter) = site.start() else { return };
    open.requests.wait(1);
    assert_eq!(told(&open), [("waits".to_owned(), "firing".to_owned())]);
    // The end of what was said before the crash is told after it.
    alerter.push("said", true);
    open.requests.wait(2);
    assert_eq!(told(&open)[1], ("said".to_owned(), "resolved".to_owned()));
    assert_eq!(hook.requests.len(), before);
}

/// The receiver has the request, and nobody is there any more to hear its answer.
#[test]
fn a_kill_in_the_instant_of_delivery_repeats_the_same_message() {
    let hook = HttpReceiver::webhook();
    hook.hold(true);
    let site = Site::new(&rules(&hook));
    let Some(mut alerter) = site.start() else {
        return;
    };
    alerter.push("a", false);
    hook.requests.wait(1);
    alerter.daemon.kill();
    hook.hold(false);
    let Some(mut alerter) = site.start() else {
        return;
    };
    let requests = hook.requests.wait(2);
    let key = |n: usize| requests[n].header("idempotency-key").unwrap();
    assert_eq!(key(0), key(1));
    let body = |n: usize| serde_json::from_slice::<Value>(&requests[n].body).unwrap();
    assert_eq!(body(0), body(1));
    alerter.daemon.wait_for_line("notified");
    // Once it is answered it is over.
    alerter.push("a", true);
    let requests = hook.requests.wait(3);
    assert_ne!(requests[2].header("idempotency-key"), Some(key(0)));
    assert_eq!(told(&hook)[2].1, "resolved");
}

#[test]
fn a_kill_in_the_instant_of_delivery_repeats_nothing_where_that_is_chosen() {
    let hook = HttpReceiver::webhook();
    hook.hold(true);
    let site = Site::new(&(rules(&hook) + "after_crash = \"drop\"\n"));
    let Some(mut alerter) = site.start() else {
        return;
    };
    alerter.push("a", false);
    hook.requests.wait(1);
    alerter.daemon.kill();
    hook.hold(false);
    let Some(alerter) = site.start() else { return };
    let reason = wait::until("what was dropped in the history", || {
        let events = alerter.get("/api/v1/history?event=failure");
        Some(events["events"][0]["reason"].as_str()?.to_owned())
    });
    assert!(reason.contains("not sent again"), "{reason}");
    // The next message to the receiver is about something new.
    alerter.push("b", false);
    hook.requests.wait(2);
    let hosts: Vec<String> = told(&hook).into_iter().map(|(host, _)| host).collect();
    assert_eq!(hosts, ["a", "b"]);
}

/// A site whose only receiver is a bot of this Slack.
fn slack_site(slack: &HttpReceiver) -> Site {
    let url = slack.url("/api");
    let site = Site::new("");
    let rules = format!(
        "[route]\nreceiver = \"ops\"\ngroup_interval = \"1s\"\n[[receiver]]\nname = \"ops\"\nkind = \"slack\"\napi_url = \"{url}\"\n\
         token_file = \"{}\"\nchannel = \"#ops\"\n",
        site.path("token").display()
    );
    std::fs::write(site.path("rules.toml"), rules).unwrap();
    site
}

#[test]
fn a_slack_bot_edits_its_message_in_place_even_after_a_restart() {
    let slack = HttpReceiver::slack();
    let posted = Refusal::status(200).body(r#"{"ok":true,"channel":"C1","ts":"17.5"}"#);
    slack.refuse(2, &posted);
    let site = slack_site(&slack);
    let Some(mut alerter) = site.start() else {
        return;
    };
    alerter.push("a", false);
    alerter.daemon.wait_for_line("notified");
    wait::until("the delivery in the history", || {
        let events = alerter.get("/api/v1/history?event=notification");
        events["events"].as_array()?.first().map(drop)
    });
    alerter.daemon.kill();
    let Some(alerter) = site.start() else { return };
    alerter.push("a", true);
    let requests = slack.requests.wait(2);
    let body = |n: usize| serde_json::from_slice::<Value>(&requests[n].body).unwrap();
    assert_eq!(requests[0].path, "/api/chat.postMessage");
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(requests[0].header("authorization"), Some(&*bearer));
    assert_eq!(body(0)["channel"], "#ops");
    assert_eq!(requests[1].path, "/api/chat.update");
    assert_eq!(
        (&body(1)["channel"], &body(1)["ts"]),
        (&"C1".into(), &"17.5".into())
    );
}

#[test]
fn after_a_kill_a_slack_bot_finds_its_message_in_the_channel() {
    let slack = HttpReceiver::slack();
    slack.hold(true);
    let site = slack_site(&slack);
    let Some(mut alerter) = site.start() else {
        return;
    };
    alerter.push("a", false);
    let posted: Value = serde_json::from_slice(&slack.requests.wait(1)[0].body).unwrap();
    alerter.daemon.kill();
    slack.hold(false);
    let message = json!({ "ts": "17.5", "metadata": posted["metadata"] });
    let history = json!({ "ok": true, "messages": [message] }).to_string();
    slack.refuse(1, &Refusal::status(200).body(&history));
    slack.refuse(1, &Refusal::status(200).body(r#"{"ok":true}"#));
    let Some(mut alerter) = site.start() else {
        return;
    };
    alerter.daemon.wait_for_line("notified");
    // It is found, and its end is told in its place.
    alerter.push("a", true);
    let requests = slack.requests.wait(3);
    let paths: Vec<&str> = requests.iter().map(|request| &*request.path).collect();
    let methods = ["chat.postMessage", "conversations.history", "chat.update"];
    assert_eq!(paths, methods.map(|method| format!("/api/{method}")));
    let edit: Value = serde_json::from_slice(&requests[2].body).unwrap();
    assert_eq!(edit["ts"], "17.5");
}
