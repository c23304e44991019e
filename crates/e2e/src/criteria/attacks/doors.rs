//! Ways in: passwords, pages that a browser shows, names that lead here, paths.

use super::super::ensure;
use super::Target;

/// Wrong passwords at once.
const GUESSES: usize = 100;

/// Of them are looked at: the five of a user from an address, and some that come back meanwhile, one in twelve seconds.
const LOOKED_AT: usize = 10;

/// How a name that is not ours is refused: misdirected (RFC 9110, 15.5.20), by the page as another site's.
const MISDIRECTED: [u16; 2] = [403, 421];

pub(super) fn guess_passwords(target: &Target<'_>) -> Result<usize, String> {
    // `admin:wrong-password`
    let headers = "Authorization: Basic YWRtaW46d3JvbmctcGFzc3dvcmQ=\r\n";
    std::thread::scope(|threads| {
        let guesses: Vec<_> = (0..GUESSES)
            .map(|_| threads.spawn(|| target.ask("engine", "POST /api/v2/signin", headers, "")))
            .collect();
        target
            .lives()
            .map_err(|found| format!("meanwhile {found}"))?;
        let mut looked_at = 0;
        for guess in guesses {
            let answer = guess.join().map_err(|_| "a guess panicked".to_owned())??;
            answer.is_refused("a wrong password")?;
            looked_at += usize::from(answer.status == 401);
        }
        ensure(looked_at <= LOOKED_AT, || {
            format!("{looked_at} of {GUESSES} wrong passwords at once were looked at")
        })?;
        Ok(GUESSES)
    })
}

pub(super) fn other_origins(target: &Target<'_>) -> Result<usize, String> {
    let setup = "{\"username\":\"evil\",\"password\":\"evil-password\",\"org\":\"evil\",\"bucket\":\"evil\"}";
    let origins = ["http://evil.example", "http://127.0.0.1:1", "null"];
    for origin in origins {
        let headers = format!("Origin: {origin}\r\nContent-Type: text/plain\r\n");
        let answer = target.ask("engine", "POST /api/v2/setup", &headers, setup)?;
        answer.is_refused(&format!("set-up from {origin}"))?;
        let answer = target.ask("web", "POST /api/v1/silences", &headers, "{}")?;
        answer.is_refused(&format!("a silence from {origin}"))?;
    }
    Ok(2 * origins.len())
}

/// A page whose name its owner lets point to loopback asks with that name.
pub(super) fn rebound_names(target: &Target<'_>) -> Result<usize, String> {
    let hosts = [
        "evil.example",
        "evil.example:8086",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
    ];
    let doors = [
        ("engine", "/api/v2/setup"),
        ("web", "/api/v1/hosts"),
        ("alerter", "/api/v1/status"),
        ("agent", "/metrics"),
    ];
    for (role, path) in doors {
        for host in hosts {
            let headers = format!("Host: {host}\r\n");
            let by_header = target.ask(role, &format!("GET {path}"), &headers, "")?;
            // The form that proxies are asked by names the host in the line, and that counts (RFC 9112, 3.2.2).
            let by_line = target.ask(role, &format!("GET http://{host}{path}"), "", "")?;
            for answer in [by_header, by_line] {
                ensure(MISDIRECTED.contains(&answer.status), || {
                    format!("{role} answers {host}: {}", answer.text)
                })?;
            }
        }
    }
    Ok(2 * hosts.len() * doors.len())
}

pub(super) fn traversal(target: &Target<'_>) -> Result<usize, String> {
    let paths = [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/static/../../etc/passwd",
        "//etc/passwd",
        "/%00",
        "/..%5c..%5cetc%5cpasswd",
    ];
    for role in ["engine", "web", "alerter"] {
        for path in paths {
            let answer = target.ask(role, &format!("GET {path}"), "", "")?;
            ensure(!answer.text.contains("root:"), || {
                format!("{role} shows {path}")
            })?;
        }
    }
    Ok(3 * paths.len())
}
