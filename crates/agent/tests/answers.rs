//! The server answers, but not that it has stored: later, less at a time, not from you, not this line.

use std::time::Duration;

use watchpost_testkit::wait;

use crate::agent::{Setup, TICK, fill_queue, now, wait_until_complete};
use crate::fake_influx::{Answer, FakeInflux};

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let server = FakeInflux::start();
    let mut answers = vec![
        Answer::error(503, "on its way"),
        Answer::error(429, "too much").retry_after(1),
    ];
    server.answer(move |_, _| answers.pop().unwrap_or_else(Answer::stored));
    let setup = Setup::new(&server.url(), "");
    let mut agent = setup.start();
    wait_until_complete(&server, &agent, now() + 5 * TICK);
    let writes = server.writes();
    assert_eq!(writes[0].status, 429);
    assert!(
        writes[1].at - writes[0].at >= Duration::from_secs(1),
        "Retry-After was 1 s"
    );
    assert_eq!(writes[1].status, 503);
    assert!(agent.stop().success());
}

#[test]
fn what_is_too_large_for_the_server_goes_in_parts() {
    let server = FakeInflux::start();
    server.answer(|lines, _| {
        if lines.len() > 300 {
            Answer::error(413, "too large")
        } else {
            Answer::stored()
        }
    });
    let setup = Setup::new(&server.url(), "");
    let lines: String = (0..2000).map(|n| format!("m n={n}i {n}\n")).collect();
    fill_queue(&setup.queue(), &[lines]);
    let mut agent = setup.start();
    let numbers: Vec<i64> = (0..2000).collect();
    wait::until("all lines", || {
        (server.times("m n=") == numbers).then_some(())
    });
    wait::until("the queue to be empty", || {
        setup.segments().is_empty().then_some(())
    });
    agent.stop();
}

#[test]
fn a_bad_token_keeps_the_data_until_it_is_right() {
    let server = FakeInflux::start();
    server.answer(|_, token| {
        if token == "renewed" {
            Answer::stored()
        } else {
            Answer::error(401, "unauthorized access")
        }
    });
    let setup = Setup::new(&server.url(), "");
    let mut agent = setup.start();
    let line = agent.wait_for_line("The server refuses our data, it is kept");
    assert!(
        line.contains("unauthorized access") && line.contains("token_file"),
        "{line}"
    );
    setup.wait_for_queue();
    let renewed = now();
    setup.set_token("renewed");
    let times = wait_until_complete(&server, &agent, renewed);
    assert!(times[0] < renewed);
    assert!(
        !agent.text().contains("initial-7c1f"),
        "the token is in the log: {}",
        agent.text()
    );
    agent.stop();
}

#[test]
fn one_bad_line_of_5000_costs_one_line() {
    for status in [400, 422] {
        let server = FakeInflux::start();
        server.answer(move |lines, _| {
            let bad = lines.iter().find(|line| line.contains("bad"));
            match (bad, status) {
                (None, _) => Answer::stored(),
                (Some(line), 400) => {
                    Answer::error(400, &format!("unable to parse '{line}': invalid number"))
                }
                (Some(_), _) => Answer::error(422, "partial write: field type conflict dropped=1"),
            }
        });
        let setup = Setup::new(&server.url(), "");
        let lines: String = (0..5000)
            .map(|n| {
                if n == 1234 {
                    "m,is=bad n=x 1234\n".to_owned()
                } else {
                    format!("m n={n}i {n}\n")
                }
            })
            .collect();
        fill_queue(&setup.queue(), &[lines]);
        let mut agent = setup.start();
        wait::until("the 4999 others", || {
            (server.times("m n=").len() == 4999).then_some(())
        });
        let letters = setup.path("state/dead-letters-influx.lp");
        let text = wait::until("the dead letter", || std::fs::read_to_string(&letters).ok());
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(kept, ["m,is=bad n=x 1234"], "{status}");
        let reason = if status == 400 {
            "invalid number"
        } else {
            "field type conflict"
        };
        assert!(text.starts_with("# ") && text.contains(reason), "{text}");
        agent.stop();
    }
}
