//! What anybody may send to any path: whatever it is, the answer is no failure of this server.

use serde_json::Value;
use watchpost_web::OPENAPI;

use crate::fixture::Fixture;

/// Values that parsers stumble over.
const VALUES: [&str; 30] = [
    "",
    " ",
    "%00",
    "\u{0}",
    "-1",
    "0",
    "1e309",
    "NaN",
    "-inf",
    "99999999999999999999",
    "../..",
    "a,b,,",
    "\"",
    "\\",
    "${x}",
    "' or 1",
    ") |> yield()",
    "2026-13-45T99:99:99Z",
    "1677-09-21T00:12:43Z",
    "2262-04-11T23:47:16Z",
    "9999-12-31T23:59:59Z",
    "now",
    "-1h",
    "1ns",
    "999999y",
    "cpu_usage_percent",
    "cpu_usage_percent,cpu_usage_percent",
    "🦀",
    "مضيف",
    "host-1",
];

/// Requests a path: enough that each value meets most parameters.
const ROUNDS: usize = 60;

/// A sequence that is the same in every run (Knuth's MMIX generator).
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, limit: usize) -> usize {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn value(&mut self) -> String {
        match self.below(20) {
            0 => "x".repeat(5_000),
            _ => VALUES[self.below(VALUES.len())].to_owned(),
        }
    }
}

/// Paths that are read, with the names of their parameters.
fn paths() -> Vec<(String, Vec<String>)> {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let described = document["paths"].as_object().unwrap().iter();
    let mut paths: Vec<_> = described
        .filter(|(_, methods)| methods.get("get").is_some())
        .map(|(path, methods)| {
            let parameters = methods["get"]["parameters"].as_array();
            let names = parameters.into_iter().flatten();
            let names = names.filter_map(|one| Some(one["name"].as_str()?.to_owned()));
            (path.clone(), names.collect())
        })
        .collect();
    for (path, names) in [
        ("/", "q region environment service state sort order"),
        ("/hosts/{host}", "range start stop name"),
        ("/hosts", "range start stop name"),
        ("/rules/{name}", "range start stop name"),
        ("/compare", "metric hosts range start stop view each"),
        ("/history", "metric host range start stop"),
        ("/alerts", "alert do"),
        ("/sign-in", "to"),
        ("/assets/{name}", ""),
        ("/nothing/{at}/all", "x"),
    ] {
        let names = names.split_whitespace().map(str::to_owned).collect();
        paths.push((path.to_owned(), names));
    }
    paths
}

#[test]
fn no_request_is_a_failure_of_the_server() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    fixture.write_host("host-1", 20.0, 40.0, 1);
    fixture.wait_for_host("host-1");
    let mut sequence = Sequence(7);
    let mut refused = Vec::new();
    for (path, names) in paths() {
        for _ in 0..ROUNDS {
            let address = address(&path, &names, &mut sequence);
            let request = fixture.http.get(fixture.url(&address));
            let cookie = format!("watchpost_session={}; a=;;=b", sequence.below(99));
            let request = request.header("cookie", cookie);
            // The head alone: a stream of events has no end.
            let answer = fixture.block_on(async { request.send().await }).unwrap();
            let status = answer.status().as_u16();
            // 501 says what the configuration lacks.
            if status >= 500 && status != 501 {
                let body = match path.as_str() {
                    "/api/v1/live" => String::new(),
                    _ => fixture.block_on(async { answer.text().await }).unwrap(),
                };
                refused.push(format!("{status} {address}: {body}"));
            }
        }
    }
    assert!(
        refused.is_empty(),
        "{}:\n{}",
        refused.len(),
        refused.join("\n")
    );
}

fn address(path: &str, names: &[String], sequence: &mut Sequence) -> String {
    let encode = |text: &str| -> String {
        form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    let mut address = String::new();
    for part in path.split('/').skip(1) {
        address.push('/');
        match part.starts_with('{') {
            // Clients resolve dots and drop what is empty, so that those are other paths.
            true => address.push_str(&format!("x{}", encode(&sequence.value()))),
            false => address.push_str(part),
        }
    }
    let mut separator = '?';
    for name in names {
        if sequence.below(3) > 0 {
            let value = encode(&sequence.value());
            address.push_str(&format!("{separator}{}={value}", encode(name)));
            separator = '&';
        }
    }
    if sequence.below(9) == 0 {
        address.push_str(&format!("{separator}%ff=%zz&&=&a"));
    }
    address
}
