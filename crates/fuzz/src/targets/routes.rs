//! Every route of the daemons, asked over loopback: a request line, headers, a blank line, a body. No answer may be a
//! fault of the server's own, and there is one.

use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;

use super::server::{self, Client, Served, TOKEN};
use super::{Answer, PARSER, Target};
use crate::corpus::Seeds;

const ROUTE: Target = Target {
    words: &[
        "GET ",
        "POST ",
        "PUT ",
        "PATCH ",
        "DELETE ",
        "HEAD ",
        "OPTIONS ",
        "TRACE ",
        "/",
        "?",
        "&",
        "=",
        "%00",
        "%2F",
        "%FF",
        "..",
        "\n",
        "\n\n",
        ": ",
        "Content-Type: application/json\n",
        "Content-Encoding: gzip\n",
        "Accept-Encoding: gzip\n",
        "Transfer-Encoding: chunked\n",
        "Expect: 100-continue\n",
        "Range: bytes=0-\n",
        "Cookie: session=a\n",
        "Authorization: Token ",
        "If-None-Match: *\n",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "null",
        "true",
        "-1",
        "1e999",
        "\"id\":",
        "\"name\":",
        "\"orgID\":",
        "\"query\":",
        "\"type\":",
        "org=myorg",
        "bucket=bench",
        "start=",
        "stop=",
        "limit=",
        "offset=",
        "2024-01-01T00:00:00Z",
        "range=1h",
        "host=a",
        "metric=cpu_usage_percent",
        "filter=",
        "a=\"b\"",
    ],
    nests: &[
        ("[", "]"),
        ("{\"a\":", "}"),
        ("(", ")"),
        ("/", ""),
        ("%2e%2e/", ""),
        ("a=", "&"),
    ],
    longest: 128 << 10,
    memory: 1 << 30,
    processor: Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 20 }),
    ..PARSER
};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "engine_routes",
        about: "the server's API",
        seeds: Seeds {
            blocks: &[("crates/engine/testdata/http", "request")],
            texts: &[
                "POST /api/v2/query?org=myorg\nContent-Type: application/vnd.flux\n\nfrom(bucket: \"bench\") |> range(start: 0) |> mean()",
                "POST /query?db=bench\nContent-Type: application/x-www-form-urlencoded\n\nq=SELECT mean(v) FROM m GROUP BY time(1m)",
                "POST /api/v2/delete?org=myorg&bucket=bench\n\n{\"start\":\"2024-01-01T00:00:00Z\",\"stop\":\"2025-01-01T00:00:00Z\",\"predicate\":\"a=\\\"b\\\"\"}",
                "POST /api/v2/query/ast\n\n{\"query\":\"x=1\"}",
                "POST /api/v2/query/analyze\n\n{\"query\":\"x=1\"}",
            ],
            ..Seeds::NONE
        },
        make: engine_routes,
        ..ROUTE
    },
    Target {
        name: "alerter_routes",
        about: "the alerter's API, ours and Alertmanager's",
        seeds: Seeds {
            texts: &[
                "GET /api/v1/status\n\n",
                "GET /api/v1/alerts?state=firing\n\n",
                "GET /api/v1/groups\n\n",
                "GET /api/v1/silences\n\n",
                "GET /api/v1/rules\n\n",
                "GET /api/v1/rules/load_high\n\n",
                "GET /api/v1/annotations?start=1&stop=2\n\n",
                "GET /api/v1/history?limit=5\n\n",
                "POST /api/v1/silences\nContent-Type: application/json\n\n{\"matchers\":[\"host=a\"],\"duration\":\"1h\",\"comment\":\"c\",\"created_by\":\"me\"}",
                "DELETE /api/v1/silences/1\n\n",
                "POST /api/v1/alerts/0123456789abcdef/acknowledgement\nContent-Type: application/json\n\n{\"by\":\"me\",\"comment\":\"c\"}",
                "GET /api/v1/explain/0123456789abcdef\n\n",
                "POST /api/v1/receivers/ops/test\n\n",
                "DELETE /api/v1/hosts/a\n\n",
                "POST /api/v1/rules/load_high/backtest?range=1h\n\n",
                "POST /api/v2/alerts\nContent-Type: application/json\n\n[{\"labels\":{\"alertname\":\"foo\",\"host\":\"a\"},\"annotations\":{\"summary\":\"s\"},\"startsAt\":\"2024-01-01T00:00:00Z\",\"endsAt\":\"2099-01-01T00:00:00Z\",\"generatorURL\":\"http://a\"}]",
                "POST /api/v2/silences\nContent-Type: application/json\n\n{\"comment\":\"x\",\"createdBy\":\"me\",\"startsAt\":\"2020-01-01T00:00:00.000Z\",\"endsAt\":\"2099-01-01T00:00:00.000Z\",\"matchers\":[{\"isEqual\":true,\"isRegex\":true,\"name\":\"host\",\"value\":\"a.*\"}]}",
                "GET /api/v2/alerts?active=true&filter=host%3D~%22a%7Cb%22&receiver=o.*\n\n",
                "GET /api/v2/alerts/groups\n\n",
                "GET /api/v2/silences?filter=host%3Da\n\n",
                "GET /api/v2/silence/1\n\n",
                "GET /api/v2/status\n\n",
                "GET /api/v2/receivers\n\n",
                "GET /-/healthy\n\n",
                "GET /metrics\n\n",
                "GET /health\n\n",
                "GET /ready\n\n",
            ],
            ..Seeds::NONE
        },
        make: alerter_routes,
        ..ROUTE
    },
    Target {
        name: "web_routes",
        about: "the pages and their API",
        seeds: Seeds {
            texts: &[
                "GET /\n\n",
                "GET /hosts/a\n\n",
                "GET /hosts?name=a\n\n",
                "GET /compare?metric=cpu_usage_percent&host=a&host=b&range=1h\n\n",
                "GET /history?range=30d\n\n",
                "GET /alerts\n\n",
                "GET /rules\n\n",
                "GET /rules/load_high\n\n",
                "GET /sign-in?next=/\n\n",
                "POST /sign-in\nContent-Type: application/x-www-form-urlencoded\n\nname=a&password=b",
                "GET /metrics?host=a&metric=cpu_usage_percent&start=1&end=2\n\n",
                "GET /metrics/aggregate?host=a&metric=cpu_usage_percent&function=mean\n\n",
                "GET /api/v1/metrics\n\n",
                "GET /api/v1/hosts\n\n",
                "GET /api/v1/hosts/a/processes\n\n",
                "GET /api/v1/processes?name=a\n\n",
                "GET /api/v1/series?metric=cpu_usage_percent&host=a&range=1h&max_points=100&format=csv\n\n",
                "GET /api/v1/series/batch?metric=cpu_usage_percent,load1&host=a&range=1h\n\n",
                "GET /api/v1/compare?metric=cpu_usage_percent&host=a,b&range=1h&offset=1d\n\n",
                "GET /api/v1/live?host=a\n\n",
                "GET /api/v1/annotations?start=1&stop=2\n\n",
                "POST /api/v1/annotations\nContent-Type: application/json\nSec-Fetch-Site: same-origin\n\n{\"text\":\"t\",\"time\":\"2024-01-01T00:00:00Z\",\"tags\":[\"a\"]}",
                "GET /api/v1/alerts/history?limit=1\n\n",
                "GET /api/v1/alerts/spans?host=a&range=1h\n\n",
                "POST /api/v1/silences\nContent-Type: application/json\nSec-Fetch-Site: same-origin\n\n{\"matchers\":[\"host=a\"],\"duration\":\"1h\",\"comment\":\"c\"}",
                "GET /assets/app.js\n\n",
                "GET /health\n\n",
                "GET /ready\n\n",
                "GET /metrics/self\n\n",
                "GET /api/v1/openapi.json\n\n",
            ],
            ..Seeds::NONE
        },
        make: web_routes,
        ..ROUTE
    },
    Target {
        name: "http_head",
        about: "any bytes at the server's port",
        seeds: Seeds {
            texts: &[
                "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "POST /api/v2/signin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
                "GET http://localhost/health HTTP/1.0\r\n\r\n",
                "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
                "\x16\x03\x01\x02\0\x01\0\x01",
            ],
            ..Seeds::NONE
        },
        words: &[
            "GET ",
            "HTTP/1.1",
            "HTTP/2.0",
            "\r\n",
            "\r\n\r\n",
            ": ",
            "Host: a",
            "Content-Length: ",
            "Transfer-Encoding: chunked",
            "0\r\n\r\n",
            "ffffffffffffffff\r\n",
            "\0",
            "\t",
            " ",
            "Connection: close",
            "Expect: 100-continue",
        ],
        nests: &[
            ("a: b\r\n", ""),
            ("/", ""),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
            ("1\r\na\r\n", ""),
            (" ", ""),
        ],
        make: http_head,
        ..ROUTE
    },
];

/// After so many inputs a server is made anew: they may have removed all that it was set up with.
const FRESH: usize = 20_000;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A daemon, with all that it needs.
struct Site {
    served: Vec<Served>,
    client: Client,
    org: String,
    // Dropped last.
    _folders: Vec<TempDir>,
}

impl Site {
    fn of(served: Vec<Served>, folders: Vec<TempDir>) -> Self {
        let address = |at: usize| served.get(at).map(|served| served.address);
        let (first, last) = (
            address(0).expect("a daemon"),
            address(served.len() - 1).expect("a daemon"),
        );
        Self {
            org: organization(first),
            client: Client::new(last),
            served,
            _folders: folders,
        }
    }

    fn engine() -> Self {
        let folder = folder();
        Self::of(vec![server::engine(folder.path())], vec![folder])
    }

    fn alerter() -> Self {
        let (data, state) = (folder(), folder());
        let engine = server::engine(data.path());
        let alerter = server::alerter(state.path(), engine.address);
        Self::of(vec![engine, alerter], vec![data, state])
    }

    fn web() -> Self {
        let (data, state, web) = (folder(), folder(), folder());
        let engine = server::engine(data.path());
        let alerter = server::alerter(state.path(), engine.address);
        let served = server::web(web.path(), engine.address, alerter.address);
        Self::of(vec![engine, alerter, served], vec![data, state, web])
    }

    fn address(&self) -> SocketAddr {
        self.served.last().expect("a daemon").address
    }

    /// Sends an input as a request of the token's bearer.
    fn ask(&mut self, input: &[u8]) -> Answer {
        let text = super::text(input).replace("{{org_id}}", &self.org);
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
        let headers: String = headers
            .lines()
            .map(|header| format!("{header}\r\n"))
            .collect();
        let authorization = match headers.to_ascii_lowercase().contains("authorization") {
            true => String::new(),
            false => format!("Authorization: Token {TOKEN}\r\n"),
        };
        let request = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\n{authorization}Content-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        let Some(reply) = self.client.ask(request.as_bytes(), body.as_bytes()) else {
            return Answer::refused("no answer");
        };
        // A gateway (502 to 504) says what is the matter behind it.
        assert!(reply.status != 500, "500: {}", reply.text);
        let kind = format!(
            "{} {}",
            ["a", "b", "c", "d", "e"][usize::from(reply.status / 100 % 5)],
            reply.text
        );
        match reply.status {
            200..400 => Answer::taken(kind),
            _ => Answer::refused(kind),
        }
    }
}

fn organization(engine: SocketAddr) -> String {
    let head = format!(
        "GET /api/v2/orgs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {TOKEN}\r\n\r\n"
    );
    let reply = Client::new(engine)
        .ask(head.as_bytes(), b"")
        .expect("the server answers");
    let orgs: serde_json::Value = serde_json::from_str(&reply.text).expect("JSON");
    orgs["orgs"][0]["id"].as_str().expect("an id").to_owned()
}

fn engine_routes() -> super::Check {
    let (mut site, mut asked) = (Site::engine(), 0);
    Box::new(move |input| {
        asked += 1;
        if asked % FRESH == 0 {
            site = Site::engine();
        }
        site.ask(input)
    })
}

fn alerter_routes() -> super::Check {
    let mut site = Site::alerter();
    Box::new(move |input| site.ask(input))
}

fn web_routes() -> super::Check {
    let mut site = Site::web();
    Box::new(move |input| site.ask(input))
}

/// Sends bytes as they are and hangs up; then the server still answers.
fn http_head() -> super::Check {
    let site = Site::engine();
    let mut probe = Client::new(site.address());
    Box::new(move |input| {
        let sent = server::send_and_close(site.address(), input);
        let health = probe.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"");
        assert!(
            health.is_some_and(|health| health.status == 200),
            "it is no longer well"
        );
        match sent {
            Some(status) => Answer::taken("x".repeat(usize::from(status / 10))),
            None => Answer::refused("no answer"),
        }
    })
}
