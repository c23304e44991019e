//! Queries that take more than they may: the network, the stack, the memory.

use super::Target;

/// Unary minuses in one statement, 60 kB of it: each nested one more.
const DEPTH: usize = 60_000;

/// Lines of a program of which each makes twice as much: a gigabyte of a byte.
const DOUBLINGS: usize = 30;

/// The functions that send requests, each to `HOST`.
const SENDERS: [&str; 8] = [
    "import \"experimental/http\" import \"array\" array.from(rows: [{a: http.get(url: \"http://HOST/\").statusCode}])",
    "import \"http/requests\" import \"array\" array.from(rows: [{a: requests.post(url: \"http://HOST/\", body: bytes(v: \"\")).statusCode}])",
    "import \"http\" import \"array\" array.from(rows: [{a: http.post(url: \"http://HOST/\", data: bytes(v: \"\"))}])",
    "import \"slack\" import \"array\" array.from(rows: [{a: slack.message(url: \"http://HOST/\", token: \"\", channel: \"\", text: \"\", color: \"good\")}])",
    "import \"pagerduty\" import \"array\" array.from(rows: [{a: pagerduty.sendEvent(pagerdutyURL: \"http://HOST/\", routingKey: \"\", client: \"\", clientURL: \"\", dedupKey: \"\", class: \"\", group: \"\", severity: \"\", eventAction: \"trigger\", source: \"\", summary: \"\", timestamp: \"\")}])",
    "from(bucket: \"system_metrics_raw\", host: \"http://HOST\", org: \"a\", token: \"a\") |> range(start: -1m)",
    "import \"array\" array.from(rows: [{_time: now(), _measurement: \"m\", _field: \"v\", _value: 1}]) |> to(bucket: \"alerts_history\", host: \"http://HOST\", org: \"a\", token: \"a\")",
    "import \"sql\" sql.from(driverName: \"postgres\", dataSourceName: \"postgresql://HOST/a\", query: \"SELECT 1\")",
];

pub(super) fn reach_the_network(target: &Target<'_>) -> Result<usize, String> {
    let (web, engine) = (target.authority("web"), target.authority("engine"));
    let hosts = [
        web,
        engine,
        "169.254.169.254".into(),
        "localhost:22".into(),
        "[::1]:22".into(),
    ];
    let mut tried = 0;
    for token in super::TOKENS.iter().chain(&["operator"]) {
        for (host, sender) in hosts.iter().flat_map(|host| SENDERS.map(|it| (host, it))) {
            let script = sender.replace("HOST", host);
            target
                .query(token, &script)?
                .is_refused(&format!("{token} reaches {host} by {script}"))?;
            tried += 1;
        }
    }
    Ok(tried)
}

pub(super) fn deep_statements(target: &Target<'_>) -> Result<usize, String> {
    let headers = format!(
        "{}Content-Type: application/x-www-form-urlencoded\r\n",
        target.token("agent")?
    );
    let bodies = [
        format!("q=SELECT {}1 FROM cpu", "- ".repeat(DEPTH)),
        format!("q=SELECT 1{} FROM cpu", "%2B1".repeat(DEPTH)),
        format!("q=SELECT v FROM cpu WHERE v=1{}", " OR v=1".repeat(DEPTH)),
        format!(
            "q=SELECT {}1{} FROM cpu",
            "(".repeat(DEPTH),
            ")".repeat(DEPTH)
        ),
    ];
    for body in &bodies {
        // Whatever it says of them: that it says something is the point.
        target.ask("engine", "POST /query?db=watchpost", &headers, body)?;
    }
    let flux = format!("x = {}1", "-".repeat(DEPTH));
    target.query("web", &flux)?.is_refused("a deep program")?;
    Ok(bodies.len() + 1)
}

/// Texts, lists and types that grow by the power of two, by a token that may read: each is refused while it is small.
pub(super) fn doubling_programs(target: &Target<'_>) -> Result<usize, String> {
    let seeds = [
        ("s", "\"0123456789abcdef\"", "s + s"),
        ("s", "\"0123456789abcdef\"", "\"${s}${s}\""),
        (
            "s",
            "\"aaaaaaaaaaaaaaaa\"",
            "strings.replaceAll(v: s, t: \"a\", u: s)",
        ),
        (
            "s",
            "\"aaaaaaaaaaaaaaaa\"",
            "strings.joinStr(arr: [s, s, s], v: s)",
        ),
        (
            "s",
            "[1, 2, 3, 4, 5, 6, 7, 8]",
            "array.concat(arr: s, v: s)",
        ),
        ("s", "{x: 1}", "{x: s, y: s}"),
        ("s", "(x) => x", "(x) => ({x: s(x: x), y: s(x: x)})"),
    ];
    for (name, first, next) in seeds {
        let mut program = format!("import \"array\"\nimport \"strings\"\ns0 = {first}\n");
        for line in 0..DOUBLINGS {
            let made = renamed(next, name, &format!("s{line}"));
            program += &format!("s{} = {made}\n", line + 1);
        }
        program += &format!("array.from(rows: [{{s: display(v: s{DOUBLINGS})}}])");
        target.query("web", &program)?.is_refused(next)?;
    }
    Ok(seeds.len())
}

/// An expression with another name in the places of one of a letter.
fn renamed(text: &str, name: &str, other: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric();
    let mut renamed = String::new();
    for (place, letter) in text.char_indices() {
        let before = text[..place].chars().next_back().is_some_and(is_part);
        let after = text[place + letter.len_utf8()..]
            .chars()
            .next()
            .is_some_and(is_part);
        match name.starts_with(letter) && !before && !after {
            true => renamed += other,
            false => renamed.push(letter),
        }
    }
    renamed
}
