//! Replays what InfluxDB 2.7.12 answered, exchange by exchange: the same status, headers, code, message and members.
//!
//! `testdata/http/known-differences.md` lists where this server answers otherwise, and why; an exchange that is listed and
//! does not differ fails, so that the list only shrinks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::running::{Running, TOKEN};
use crate::scenario::{Body, Message, Names, Scenario, Step, difference};

/// How long a step may repeat until it answers what it waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The headers that are compared; others are the transport's.
const HEADERS: &[&str] = &[
    "content-type",
    "content-encoding",
    "x-platform-error-code",
    "x-influxdb-error",
    "www-authenticate",
    "allow",
    "location",
    "retry-after",
    "vary",
    "set-cookie",
];

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            replay(stringify!($name), include_str!(concat!("../testdata/http/", stringify!($name), ".md"))).await;
        })*

        #[test]
        fn every_scenario_is_replayed() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/http");
            let mut found: Vec<String> = std::fs::read_dir(folder)
                .expect("the folder")
                .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
                .collect();
            let mut known: Vec<String> = [$(stringify!($name)),*].iter().map(|name| format!("{name}.md")).collect();
            known.push("known-differences.md".to_owned());
            found.sort();
            known.sort();
            assert_eq!(found, known);
        }
    };
}

scenarios! {
    authorization_refusals authorizations buckets checks_notifications dbrps delete labels_secrets misc orgs_users query_forms setup
    setup_without_password tasks v1_compat write_basic write_partial write_refused write_target
}

/// A known difference: what is left out of the comparison, or all of the exchange.
#[derive(Debug, Clone, PartialEq)]
enum Known {
    Whole,
    Member(String),
}

/// Reads `- SCENARIO NN NN …: reason` and `- SCENARIO NN … except MEMBER: reason`.
fn known_differences(scenario: &str) -> BTreeMap<String, Known> {
    let text = include_str!("../testdata/http/known-differences.md");
    let mut known = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("- ")) {
        let (what, reason) = line.split_once(": ").expect("a reason");
        assert!(
            !reason.trim().is_empty(),
            "a difference needs a reason: {line}"
        );
        let (what, how) = match what.split_once(" except ") {
            Some((what, member)) => (what, Known::Member(member.to_owned())),
            None => (what, Known::Whole),
        };
        let mut words = what.split(' ');
        if words.next() == Some(scenario) {
            known.extend(words.map(|number| (number.to_owned(), how.clone())));
        }
    }
    known
}

async fn replay(name: &str, text: &str) {
    let scenario = Scenario::parse(text);
    let mut known = known_differences(name);
    let server = Running::fresh().await;
    let mut names = Names::default();
    names.keep("org", "myorg");
    names.keep("token", TOKEN);
    if !scenario.fresh {
        server.perform_setup().await;
        let text = |value: &Value, pointer: &str| {
            value
                .pointer(pointer)
                .and_then(Value::as_str)
                .expect("an id")
                .to_owned()
        };
        names.keep(
            "org_id",
            &text(&server.json("/api/v2/orgs?org=myorg").await, "/orgs/0/id"),
        );
        names.keep("user_id", &text(&server.json("/api/v2/me").await, "/id"));
        names.keep(
            "bench_id",
            &text(
                &server.json("/api/v2/buckets?name=bench").await,
                "/buckets/0/id",
            ),
        );
    }
    let mut problems = Vec::new();
    for step in &scenario.steps {
        let found = exchange(&server, step, &mut names).await;
        let differs = compare(step, &found, None);
        let problem = match (known.remove(&step.number), differs) {
            (None, None) | (Some(Known::Whole), Some(_)) => continue,
            (None, Some(difference)) => difference,
            (Some(_), None) => "is listed as a known difference and does not differ".to_owned(),
            (Some(Known::Member(member)), Some(_)) => match compare(step, &found, Some(&member)) {
                None => continue,
                Some(difference) => format!("apart from {member}: {difference}"),
            },
        };
        problems.push(format!(
            "{name} {} {} ({})\n      {problem}",
            step.number, step.title, step.request.start
        ));
    }
    assert!(
        known.is_empty(),
        "there are no such exchanges in {name}: {known:?}"
    );
    assert!(
        problems.is_empty(),
        "{} of {} exchanges differ:\n\n{}",
        problems.len(),
        scenario.steps.len(),
        problems.join("\n")
    );
}

/// What came back, with the volatile parts replaced.
struct Found {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Option<Body>,
}

async fn exchange(server: &Running, step: &Step, names: &mut Names) -> Found {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = send(server, &step.request, names).await;
        let status = answer.status().as_u16();
        let headers: BTreeMap<String, String> = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        assert_eq!(
            headers.get("x-influxdb-build").map(String::as_str),
            Some("OSS"),
            "{}",
            step.title
        );
        let bytes = answer.bytes().await.expect("a body");
        let bytes = match headers.get("content-encoding").map(String::as_str) {
            Some("gzip") => unpacked(&bytes),
            _ => bytes.to_vec(),
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json: Option<Value> = serde_json::from_str(&text)
            .ok()
            .filter(|json: &Value| json.is_object() || json.is_array());
        if let Some((pointer, value)) = &step.poll {
            let now = json
                .as_ref()
                .and_then(|json| json.pointer(pointer))
                .and_then(Value::as_str);
            if now != Some(names.fill(value).as_str()) && Instant::now() < end {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        }
        for (name, pointer) in &step.save {
            if let Some(value) = json
                .as_ref()
                .and_then(|json| json.pointer(pointer))
                .and_then(Value::as_str)
            {
                names.keep(name, value);
            }
        }
        let headers = headers
            .into_iter()
            .filter(|(name, _)| HEADERS.contains(&name.as_str()));
        let headers = headers
            .map(|(name, value)| masked_header(name, &value, names))
            .collect();
        return Found {
            status,
            headers,
            body: body(step, text, json, names),
        };
    }
}

fn masked_header(name: String, value: &str, names: &mut Names) -> (String, String) {
    if name != "set-cookie" {
        return (name, names.mask(value));
    }
    names.keep("cookie", value.split(';').next().unwrap_or_default());
    let parts: Vec<String> = value
        .split("; ")
        .enumerate()
        .map(|(place, part)| match part.split_once('=') {
            Some((key, _)) if place == 0 => format!("{key}=<secret>"),
            Some(("Expires", _)) => "Expires=<time>".to_owned(),
            _ => part.to_owned(),
        })
        .collect();
    (name, parts.join("; "))
}

fn body(step: &Step, text: String, json: Option<Value>, names: &Names) -> Option<Body> {
    match json {
        Some(Value::Object(members)) if step.keys_only => Some(Body::Json(
            members
                .keys()
                .map(|name| (name.clone(), json!("<any>")))
                .collect(),
        )),
        Some(json) => Some(Body::Json(names.mask_json(&json, ""))),
        None if text.is_empty() => None,
        None => {
            let mut text = text;
            if let Some(count) = step.first_lines {
                text = text.split('\n').take(count).collect::<Vec<_>>().join("\n");
            }
            if let Some(pattern) = &step.names_only {
                text = metric_names(&text, pattern);
            }
            Some(Body::Text(names.mask(&text)))
        }
    }
}

/// The names of metrics whose `# TYPE` line begins with one of the pattern's words.
fn metric_names(text: &str, pattern: &str) -> String {
    let prefixes: Vec<&str> = pattern
        .trim_start_matches("^# TYPE (")
        .trim_end_matches(')')
        .split('|')
        .collect();
    let mut found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    found.sort_unstable();
    found.join("\n")
}

async fn send(server: &Running, message: &Message, names: &Names) -> reqwest::Response {
    let (method, path) = message.start.split_once(' ').expect("a method and a path");
    let url = format!("{}{}", server.url, names.fill(path));
    let mut request = server
        .client
        .request(method.parse().expect("a method"), url);
    let mut headers: BTreeMap<String, String> = message.headers.clone();
    let auth = headers.remove("auth");
    let authorization = match auth.as_deref() {
        None => Some(format!("Token {TOKEN}")),
        Some("none") => None,
        Some(given) => Some(names.fill(given)),
    };
    let pack = headers.remove("encode").is_some();
    let repeat: usize = headers
        .remove("repeat")
        .map_or(1, |count| count.parse().expect("a number"));
    let body = match &message.body {
        None => None,
        Some(Body::Json(json)) => {
            headers
                .entry("content-type".to_owned())
                .or_insert("application/json".to_owned());
            Some(names.fill(&json.to_string()).into_bytes())
        }
        Some(Body::Text(text)) => Some(names.fill(text).repeat(repeat).into_bytes()),
    };
    if let Some(body) = body {
        headers
            .entry("content-type".to_owned())
            .or_insert("text/plain; charset=utf-8".to_owned());
        request = request.body(if pack { packed(&body) } else { body });
    }
    if pack {
        headers.insert("content-encoding".to_owned(), "gzip".to_owned());
    }
    headers
        .entry("accept-encoding".to_owned())
        .or_insert("identity".to_owned());
    headers.extend(authorization.map(|value| ("authorization".to_owned(), value)));
    for (name, value) in &headers {
        request = request.header(name, names.fill(value));
    }
    request.send().await.expect("answers")
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("packs");
    encoder.finish().expect("packs")
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut plain)
        .expect("unpacks");
    plain
}

/// Where an answer differs from the recorded one; `except` names a member that does not count.
fn compare(step: &Step, found: &Found, except: Option<&str>) -> Option<String> {
    let wanted = &step.response;
    if found.status.to_string() != wanted.start {
        let body = match &found.body {
            Some(Body::Json(json)) => json.to_string(),
            Some(Body::Text(text)) => text.clone(),
            None => String::new(),
        };
        return Some(format!(
            "status {}, {} expected: {body}",
            found.status, wanted.start
        ));
    }
    if step.status_only {
        return match (&wanted.body, &found.body) {
            (Some(Body::Json(Value::Object(wanted))), Some(Body::Json(Value::Object(found)))) => {
                let same = wanted.keys().eq(found.keys());
                (!same).then(|| format!("members {:?} expected", wanted.keys()))
            }
            (Some(Body::Json(Value::Object(_))), _) => Some("an object is expected".to_owned()),
            _ => None,
        };
    }
    let headers = wanted_headers(wanted);
    if headers != found.headers {
        return Some(format!("headers {:?}, {headers:?} expected", found.headers));
    }
    match (&wanted.body, &found.body) {
        (Some(Body::Json(wanted)), Some(Body::Json(found))) => {
            let (wanted, found) = (without(wanted, except), without(found, except));
            difference(&wanted, &found, "", step.any_order)
        }
        (wanted, found) if wanted == found => None,
        (wanted, found) => Some(format!("body {found:?},\n      {wanted:?} expected")),
    }
}

/// The headers of a recorded response, those that follow from its body included.
fn wanted_headers(wanted: &Message) -> BTreeMap<String, String> {
    let mut headers = wanted.headers.clone();
    if let Some(Body::Json(json)) = &wanted.body {
        headers
            .entry("content-type".to_owned())
            .or_insert("application/json; charset=utf-8".to_owned());
        if let Some(code) = json.get("code").and_then(Value::as_str) {
            headers
                .entry("x-platform-error-code".to_owned())
                .or_insert(code.to_owned());
        }
    }
    headers.retain(|_, value| value != "none");
    headers
}

fn without(value: &Value, member: Option<&str>) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| Some(name.as_str()) != member)
            .map(|(name, value)| (name.clone(), without(value, member)))
            .collect(),
        Value::Array(items) => items.iter().map(|item| without(item, member)).collect(),
        other => other.clone(),
    }
}
