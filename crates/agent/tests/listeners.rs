//! The sockets that programs send to, over the built agent: what comes by them reaches the server, what is bad is counted,
//! and a sender that hangs or floods costs itself.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};

use watchpost_testkit::{Signal, wait};

use crate::agent::{self, Setup};
use crate::fake_influx::FakeInflux;

/// A port that was free just now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until a stored line begins and ends so.
fn wait_for(server: &FakeInflux, begin: &str, holds: &str) -> String {
    wait::until(&format!("{begin}…{holds}"), || {
        let stored = server.stored();
        let mut lines = stored.into_keys();
        lines.find(|line| line.starts_with(begin) && line.contains(holds))
    })
}

#[test]
fn statsd_comes_by_udp_and_a_unix_socket() {
    let server = FakeInflux::start();
    let port = free_port();
    let setup = Setup::new(&server.url(), "");
    let socket = setup.path("statsd.sock");
    setup.configure(&format!(
        "{}\n[collectors.statsd]\nenabled = true\ninterval = \"100ms\"\naddress = \"127.0.0.1:{port}\"\nsocket = \"{}\"\n",
        setup.config(),
        socket.display()
    ));
    let mut agent = setup.start();
    wait::until("the socket", || socket.exists().then_some(()));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"hits:2|c|#host:other\nbad\n", ("127.0.0.1", port))
        .unwrap();
    let unix = UnixDatagram::unbound().unwrap();
    unix.send_to(b"load:7|g", &socket).unwrap();
    let hits = wait_for(&server, "hits,", "value=2");
    assert!(hits.contains("exported_host=other"), "{hits}");
    wait_for(&server, "load,", "value=7");
    let address = agent::telemetry(&mut agent);
    wait::until("the bad line to be counted", || {
        let series = "watchpost_agent_lines_refused_total{collector=\"statsd\"}";
        let refused = agent::metric(address, series);
        (refused >= 1.0).then_some(())
    });
    assert!(agent.stop().success());
    assert!(!socket.exists(), "it is removed at the end");
}

/// An agent that is to take line protocol at a socket.
/// An agent whose every collection of many lines is overdue: what was sent is taken with the next.
fn line_protocol() -> (FakeInflux, Setup, PathBuf) {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let socket = setup.path("lines.sock");
    setup.configure(&format!(
        "{}\n[collectors.line_protocol]\nenabled = true\ntimeout = \"1ms\"\nsocket = \"{}\"\n",
        setup.config(),
        socket.display()
    ));
    (server, setup, socket)
}

#[test]
fn a_socket_that_a_killed_agent_left_is_taken_over_and_one_in_use_is_not() {
    let (server, setup, socket) = line_protocol();
    let mut agent = setup.start();
    wait::until("the socket", || UnixStream::connect(&socket).ok());
    agent.signal(Signal::Kill);
    drop(agent);
    assert!(socket.exists());
    let mut agent = setup.start();
    let mut stream = wait::until("the socket again", || UnixStream::connect(&socket).ok());
    stream.write_all(b"jobs,queue=a waiting=3i\n").unwrap();
    wait_for(&server, "jobs,", "waiting=3i");
    // A single look beside it opens nothing.
    let output = setup
        .command()
        .args(["--once", "--explain"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains(&format!(
            "listens while the agent runs: {}",
            socket.display()
        )),
        "{text}"
    );
    stream.write_all(b"jobs,queue=a waiting=4i\n").unwrap();
    wait_for(&server, "jobs,", "waiting=4i");
    assert!(agent.stop().success());
}

#[test]
fn line_protocol_of_many_and_of_bad_senders() {
    let (server, setup, socket) = line_protocol();
    let mut agent = setup.start();
    let connect = || wait::until("the socket", || UnixStream::connect(&socket).ok());
    // One that hangs, one that never ends a line, one that forges the host's own metrics.
    let hanging = connect();
    let mut endless = connect();
    endless.write_all(&vec![b'x'; 300_000]).unwrap();
    endless.write_all(b"\nafter_endless v=1\n").unwrap();
    let mut bad = connect();
    bad.write_all(b"system_metrics,metric_type=cpu cpu_usage_percent=0\nnot a line\n\xff v=1\ngood v=1,text=\"a b\" 1\n")
        .unwrap();
    let mut many = connect();
    for number in 0..12_000 {
        writeln!(many, "many number={number}i {number}").unwrap();
    }
    drop(many);
    wait_for(&server, "good,", "text=\"a b\"");
    wait_for(&server, "after_endless,", "v=1");
    wait_for(&server, "many,", "number=11999i");
    let count = wait::until("all of many", || {
        let count = server
            .stored()
            .into_keys()
            .filter(|line| line.starts_with("many,"))
            .count();
        (count == 12_000).then_some(count)
    });
    assert_eq!(count, 12_000, "none is lost: the sender was slowed down");
    let forged = server
        .stored()
        .into_keys()
        .any(|line| line.contains("cpu_usage_percent"));
    assert!(!forged);
    drop(hanging);
    assert!(agent.stop().success());
}

/// The status and body of a request by HTTP.
fn post(port: u16, head: &str, body: &[u8]) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let length = body.len();
    let head = format!(
        "POST /v1/metrics HTTP/1.1\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    // It may be turned away before it is read.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.get(9..12)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

#[test]
fn otlp_comes_by_http() {
    let server = FakeInflux::start();
    let port = free_port();
    let setup = Setup::new(&server.url(), "");
    setup.configure(&format!(
        "{}\n[collectors.otlp]\nenabled = true\nlisten = \"127.0.0.1:{port}\"\n",
        setup.config(),
    ));
    let mut agent = setup.start();
    let request = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"depth","gauge":{"dataPoints":[{"asDouble":4.5}]}}]}]}]}"#;
    let json = "Host: localhost\r\nContent-Type: application/json\r\n";
    let answer = wait::until("an answer", || post(port, json, request));
    assert_eq!(answer, (200, "{}".to_owned()));
    wait_for(&server, "prometheus,", "depth=4.5");
    let status = |head: &str, body: &[u8]| post(port, head, body).unwrap().0;
    assert_eq!(status(json, b"{"), 400);
    assert_eq!(
        status("Host: localhost\r\nContent-Type: text/plain\r\n", request),
        415
    );
    let rebound = "Host: evil.example.org\r\nContent-Type: application/json\r\n";
    let rebound = status(rebound, request);
    assert!((400..500).contains(&rebound), "{rebound}");
    let large = vec![b' '; 5 * 1024 * 1024];
    let refused = post(port, json, &large);
    assert!(refused.is_none_or(|(status, _)| status == 413));
    // A connection that says nothing keeps out no other.
    let hanging: Vec<TcpStream> = (0..5)
        .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
        .collect();
    assert_eq!(status(json, request), 200);
    drop(hanging);
    assert!(agent.stop().success());
}

/// A server of pages: the first is good, one hangs, one is endless, one is none.
fn pages() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let length = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let begin = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n";
                if head.starts_with("GET /good ")
                    && head.contains("Authorization: Bearer secret-5\r\n")
                {
                    let page = "jobs_total{host=\"other\"} 5\nbad line here\n";
                    let _ = write!(stream, "{begin}{page}");
                } else if head.starts_with("GET /hangs ") {
                    let _ = stream.read(&mut [0; 1]);
                } else if head.starts_with("GET /endless ") {
                    let _ = stream.write_all(begin.as_bytes());
                    while stream.write_all(&[b'#'; 65_536]).is_ok() {}
                } else {
                    let _ = stream.write_all(b"HTTP/1.0 500 No\r\n\r\n");
                }
            });
        }
    });
    port
}

#[test]
fn pages_are_scraped_each_within_its_time() {
    let server = FakeInflux::start();
    let port = pages();
    let setup = Setup::new(&server.url(), "");
    private(&setup.path("scrape-token"), "secret-5");
    let target = |name: &str, more: &str| {
        format!(
            "[collectors.prometheus.targets.{name}]\nurl = \"http://127.0.0.1:{port}/{name}\"\ntimeout = \"1s\"\n{more}\n"
        )
    };
    let token = format!("token_file = \"{}\"", setup.path("scrape-token").display());
    setup.configure(&format!(
        "{}\n[collectors.prometheus]\ninterval = \"200ms\"\n{}{}{}{}",
        setup.config(),
        target("good", &token),
        target("hangs", ""),
        target("endless", ""),
        target("fails", ""),
    ));
    let mut agent = setup.start();
    let good = wait_for(&server, "prometheus,", "jobs_total=5");
    let instance = format!("instance=127.0.0.1:{port}");
    for part in ["exported_host=other", "job=good", &instance] {
        assert!(good.contains(part), "{good}");
    }
    wait_for(&server, "prometheus,", "up=1");
    for name in ["hangs", "endless", "fails"] {
        wait::until(name, || {
            let stored = server.stored();
            let of_target = format!("job={name},");
            let mut lines = stored.into_keys();
            lines.find(|line| line.contains(&of_target) && line.contains("up=0"))
        });
    }
    assert!(agent.stop().success());
}

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn commands_files_and_logs_are_read() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let folder = setup.path("textfile");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("backup.prom"), "backup_last_success 5\nbad\n").unwrap();
    std::fs::write(folder.join("other.txt"), "not_read 1\n").unwrap();
    let log = setup.path("shop.log");
    std::fs::write(&log, "ERROR before the agent\n").unwrap();
    setup.configure(&format!(
        r#"{}
[collectors.textfile]
enabled = true
interval = "100ms"
folders = ["{}"]
[collectors.exec]
interval = "200ms"
[collectors.exec.commands.good]
command = ["sh", "-c", "echo \"queue,name=a depth=3i\"; echo bad line"]
[collectors.exec.commands.page]
command = ["echo", "queue_depth 4"]
format = "prometheus"
[collectors.exec.commands.hangs]
command = ["sleep", "600"]
timeout = "100ms"
[collectors.exec.commands.missing]
command = ["/no/such/program"]
[collectors.logs]
interval = "100ms"
[collectors.logs.files.shop]
path = "{}"
patterns = {{ errors = "ERROR", timeouts = "upstream*timed out" }}
"#,
        setup
            .config()
            .replace("[collectors.textfile]\nenabled = false\n", ""),
        folder.display(),
        log.display(),
    ));
    let mut agent = setup.start();
    wait_for(&server, "prometheus,", "backup_last_success=5");
    wait_for(&server, "prometheus,", "node_textfile_mtime_seconds=");
    wait_for(&server, "queue,", "depth=3i");
    wait_for(&server, "prometheus,", "queue_depth=4");
    wait_for(&server, "exec,command=good", "up=1");
    wait_for(&server, "exec,command=hangs", "up=0");
    wait_for(&server, "exec,command=missing", "up=0");
    wait_for(&server, "log,", "lines=0");
    let append = |text: &str| {
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&log)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    append("upstream shop timed out\nERROR one\nhalf of a li");
    wait_for(
        &server,
        "log,",
        "pattern=errors,region=local,service=system matches=1",
    );
    append("ne ERROR\n");
    wait_for(
        &server,
        "log,",
        "pattern=errors,region=local,service=system matches=2",
    );
    // Rotated by renaming: what the old one still got is counted, and the new one from its beginning.
    std::fs::rename(&log, setup.path("shop.log.1")).unwrap();
    append("ERROR three\n");
    wait_for(
        &server,
        "log,",
        "pattern=errors,region=local,service=system matches=3",
    );
    wait_for(
        &server,
        "log,",
        "pattern=timeouts,region=local,service=system matches=1",
    );
    // Truncated in place.
    std::fs::write(&log, "").unwrap();
    wait_for(&server, "log,", "bytes=");
    append("ERROR\n");
    wait_for(
        &server,
        "log,",
        "pattern=errors,region=local,service=system matches=4",
    );
    assert!(
        !server
            .stored()
            .into_keys()
            .any(|line| line.contains("not_read"))
    );
    assert!(agent.stop().success());
}

#[test]
fn mistakes_of_the_sections_are_named() {
    let setup = Setup::new("http://127.0.0.1:1", "");
    setup.configure(
        r#"
[collectors.statsd]
enabled = true
address = "here"
percentiles = [0, 90]
max_series = 0
[collectors.line_protocol]
enabled = true
[collectors.otlp]
resource_attributes = ["["]
[collectors.prometheus.targets.a]
url = "tcp://127.0.0.1:1"
max_samples = 0
[collectors.exec.commands.b]
timeout = "1h"
[collectors.logs.files.c]
path = "relative.log"
patterns = { all = "*" }
[collectors.textfile]
folders = ["relative"]
"#,
    );
    let output = setup.command().arg("check-config").output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{message}");
    for part in [
        "collectors.statsd.address",
        "collectors.statsd.percentiles",
        "collectors.statsd.max_series",
        "collectors.line_protocol.socket",
        "collectors.otlp.resource_attributes.0",
        "collectors.prometheus.targets.a.url",
        "collectors.prometheus.targets.a.max_samples",
        "collectors.exec.commands.b.command",
        "collectors.exec.commands.b.timeout",
        "collectors.logs.files.c.path",
        "collectors.logs.files.c.patterns.all",
        "collectors.textfile.folders.0",
    ] {
        assert!(message.contains(part), "{part} is missing: {message}");
    }
}
