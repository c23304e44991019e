//! Power supplies by NUT's protocol, against a daemon of the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use watchpost_agent::collectors::ups::Ups;
use watchpost_agent::collectors::{Collector as _, HostFiles, Points};
use watchpost_core::line_protocol::write_points;

/// A daemon that answers each question with the text behind it.
fn daemon(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut writer = stream.try_clone().unwrap();
            for question in BufReader::new(stream).lines().map_while(Result::ok) {
                let answer = answers.iter().find(|(asked, _)| *asked == question);
                let answer = answer.map_or("ERR UNKNOWN-COMMAND\n", |(_, answer)| answer);
                if writer.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    address
}

fn collect(address: &str) -> String {
    let mut points = Points::default();
    let mut files = HostFiles::new(std::path::Path::new("/"));
    Ups::new(address)
        .collect(&mut files, 1, &mut points)
        .unwrap();
    let lines = write_points(&points.into_vec()).unwrap();
    String::from_utf8(lines).unwrap()
}

#[test]
fn a_supply_on_battery() {
    let address = daemon(&[
        (
            "LIST UPS",
            "BEGIN LIST UPS\nUPS rack \"Rack \\\"A\\\"\"\nEND LIST UPS\n",
        ),
        (
            "LIST VAR rack",
            "BEGIN LIST VAR rack\nVAR rack battery.charge \"62\"\nVAR rack battery.runtime \"940\"\nVAR rack ups.load \"23.5\"\nVAR rack ups.status \"OB LB DISCHRG\"\nVAR rack ups.serial \"a b c\"\nEND LIST VAR rack\n",
        ),
    ]);
    assert_eq!(
        collect(&address),
        "system_metrics,metric_type=system,sensor=rack battery_percent=62,battery_discharging=1i,battery_low=1i,battery_replace=0i,mains_online=0i,battery_runtime_seconds=940i,ups_load_percent=23.5 1\n"
    );
}

#[test]
fn other_answers_are_none() {
    let nonsense = daemon(&[("LIST UPS", "\u{1}\u{2}HTTP/1.1 400 Bad\r\n\r\n")]);
    assert_eq!(collect(&nonsense), "");
    let cut = daemon(&[
        ("LIST UPS", "BEGIN LIST UPS\nUPS rack \"x\"\nEND LIST UPS\n"),
        (
            "LIST VAR rack",
            "BEGIN LIST VAR rack\nVAR rack battery.charge \"nan\"\nVAR rack ups.load \"-1\"\nVAR other ups.load \"5\"\nEND LIST VAR rack\n",
        ),
    ]);
    assert_eq!(collect(&cut), "");
    assert_eq!(collect("127.0.0.1:1"), "", "no daemon");
}
