//! How connections are accepted: what somebody who sends or reads nothing can take from others.
//! The clock is tokio's, paused: it goes on by itself when nothing else happens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use watchpost_service::connections::limits::{HEAD_LIMIT, IDLE_LIMIT, WRITE_LIMIT};
use watchpost_service::connections::table::{Class, Table};
use watchpost_service::connections::{Limits, serve};
use watchpost_service::shutdown::{Drained, Shutdown};

const FEW: Limits = Limits {
    connections: 8,
    per_address: 4,
    reserve: 2,
};

/// Bytes of each event of `/events`.
const EVENT: usize = 1 << 10;

async fn started(limits: Limits) -> (SocketAddr, Shutdown) {
    let (address, shutdown, _) = started_and_counted(limits).await;
    (address, shutdown)
}

/// The same, with the number of events that were made.
async fn started_and_counted(limits: Limits) -> (SocketAddr, Shutdown, Arc<AtomicUsize>) {
    let (shutdown, listener) = (
        Shutdown::new(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let address = listener.local_addr().unwrap();
    let read = async |body: Bytes| (StatusCode::OK, format!("{} bytes", body.len()));
    let large = async || Body::from(vec![b'x'; 64 << 20]);
    let never = async || std::future::pending::<StatusCode>().await;
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let events = async move || {
        let event = move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![b'e'; EVENT]))
        };
        Body::from_stream(futures_util::stream::iter(std::iter::repeat_with(event)))
    };
    let routes = Router::new()
        .route("/events", get(events))
        .route("/health", get(async || "up"))
        .route("/read", post(read))
        .route("/large", get(large))
        .route("/never", get(never));
    serve(listener, None, routes, limits, &shutdown);
    (address, shutdown, made)
}

async fn open(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// What comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const HALF: &str = "GET /health HTTP/1.1\r\nHost: a\r\n";
const NEVER: &str = "GET /never HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn half_a_head_ends_by_a_deadline_however_it_drips() {
    let (address, _shutdown) = started(FEW).await;
    let began = Instant::now();
    assert_eq!(rest(open(address, HALF).await).await, "");
    assert!(began.elapsed() >= HEAD_LIMIT && began.elapsed() < HEAD_LIMIT * 2);

    let began = Instant::now();
    let mut stream = open(address, HALF).await;
    let ended = loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if stream.write_all(b"A: b\r\n").await.is_err() {
            break began.elapsed();
        }
        assert!(began.elapsed() < HEAD_LIMIT * 3, "it drips forever");
    };
    assert!(ended >= HEAD_LIMIT, "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_may_wait_but_not_hold_half_a_head() {
    let (address, _shutdown) = started(FEW).await;
    let ask = HEALTH.replace("Connection: close\r\n", "");
    let began = Instant::now();
    let answer = rest(open(address, &ask).await).await;
    assert!(answer.ends_with("up"), "{answer}");
    assert!(began.elapsed() >= IDLE_LIMIT && began.elapsed() < IDLE_LIMIT * 2);

    let mut stream = open(address, &ask).await;
    let mut answer = [0; 4096];
    let _ = stream.read(&mut answer).await.unwrap();
    tokio::time::sleep(IDLE_LIMIT / 2).await;
    let began = Instant::now();
    stream.write_all(HALF.as_bytes()).await.unwrap();
    assert_eq!(rest(stream).await, "");
    assert!(began.elapsed() < HEAD_LIMIT * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_has_to_come_at_a_rate() {
    let (address, _shutdown) = started(FEW).await;
    let head = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    let began = Instant::now();
    let answer = rest(open(address, head).await).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(30));

    let mut stream = open(address, head).await;
    for _ in 0..100 {
        stream.write_all(&[b'x'; 1000]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(
        answer.ends_with("100000 bytes"),
        "slow and steady: {answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_left() {
    let (address, shutdown) = started(FEW).await;
    let began = Instant::now();
    let stream = open(address, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(WRITE_LIMIT * 2).await;
    let rest = rest(stream).await;
    assert!(rest.len() < 64 << 20, "the answer was cut off");
    assert_eq!(
        shutdown.drain(Duration::from_secs(1)).await,
        Drained::Complete
    );
    assert!(began.elapsed() < WRITE_LIMIT * 3);
}

/// Of a stream without an end so much is made as its reader takes and the kernel holds; it ends when the reader takes no more.
#[tokio::test(start_paused = true)]
async fn a_stream_of_events_that_is_not_read_ends() {
    let (address, shutdown, made) = started_and_counted(FEW).await;
    let streams: Vec<TcpStream> = {
        let mut open_streams = Vec::new();
        for _ in 0..FEW.connections {
            open_streams.push(open(address, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await);
        }
        open_streams
    };
    tokio::time::sleep(WRITE_LIMIT * 2).await;
    let bytes = made.load(Ordering::Relaxed) * EVENT;
    assert!(
        (1..streams.len() << 26).contains(&bytes),
        "{bytes} bytes were made for {} readers",
        streams.len()
    );
    tokio::time::sleep(WRITE_LIMIT).await;
    assert_eq!(
        made.load(Ordering::Relaxed) * EVENT,
        bytes,
        "events are made for readers that are gone"
    );
    assert_eq!(
        shutdown.drain(Duration::from_secs(1)).await,
        Drained::Complete
    );
}

/// HTTP/2 is not spoken: what begins by its preface is refused or closed at once, whatever frames follow, and so is a request
/// to go over to it.
#[tokio::test(start_paused = true)]
async fn the_preface_of_http_2_is_refused() {
    let (address, _shutdown) = started(FEW).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // Settings, then the floods that HTTP/2 servers know: pings, resets, empty continuations.
    let frames = [
        "\0\0\0\x04\0\0\0\0\0",
        "\0\0\x08\x06\0\0\0\0\0........",
        "\0\0\0\x09\0\0\0\0\x01",
    ];
    for flood in frames {
        let began = Instant::now();
        let answer = rest(open(address, &format!("{preface}{}", flood.repeat(1_000))).await).await;
        let status = answer.get(..12).unwrap_or_default();
        assert!(
            ["", "HTTP/1.1 400", "HTTP/1.1 505"].contains(&status),
            "{answer}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "it was not closed"
        );
    }
    let upgrade = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let answer = rest(open(address, upgrade).await).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("up"),
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn half_requests_push_out_each_other_not_those_who_work() {
    let (address, _shutdown) = started(FEW).await;
    let mut working = open(address, NEVER).await;
    let mut half = Vec::new();
    for _ in 0..100 {
        half.push(open(address, HALF).await);
    }
    let began = Instant::now();
    assert!(rest(open(address, HEALTH).await).await.ends_with("up"));
    assert!(began.elapsed() < Duration::from_secs(1));
    let still = tokio::time::timeout(Duration::from_secs(1), working.read_u8()).await;
    assert!(still.is_err(), "who is being served stays");
}

#[tokio::test(start_paused = true)]
async fn where_all_work_probes_are_answered_still() {
    let (address, _shutdown) = started(FEW).await;
    let mut working = Vec::new();
    for _ in 0..FEW.connections + FEW.reserve {
        working.push(open(address, NEVER).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(rest(open(address, HEALTH).await).await.ends_with("up"));
    let other = rest(open(address, NEVER).await).await;
    assert!(
        other.starts_with("HTTP/1.1 503") && other.contains("retry-after: 5"),
        "{other}"
    );
    drop(working);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let read = "POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert!(rest(open(address, read).await).await.ends_with("1 bytes"));
}

#[tokio::test(start_paused = true)]
async fn heads_without_an_end_are_refused() {
    let (address, _shutdown) = started(FEW).await;
    let endless = async |begin: &str, piece: &str| {
        let mut stream = open(address, begin).await;
        for _ in 0..200 {
            if stream
                .write_all(piece.repeat(1000).as_bytes())
                .await
                .is_err()
            {
                break;
            }
        }
        rest(stream).await
    };
    for (begin, piece) in [
        ("", "G"),
        ("GET /", "a"),
        ("GET / HTTP/1.1\r\nA: ", "b"),
        ("GET / HTTP/1.1\r\n", "A: b\r\n"),
    ] {
        let answer = endless(begin, piece).await;
        let refused = ["", "HTTP/1.1 400", "HTTP/1.1 414", "HTTP/1.1 431"];
        let status = answer.get(..12).unwrap_or_default();
        assert!(refused.contains(&status), "{begin:?}: {answer}");
    }
    assert!(rest(open(address, HEALTH).await).await.ends_with("up"));
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_requests_and_not_for_half_ones() {
    let (address, shutdown) = started(FEW).await;
    let half = open(address, HALF).await;
    let idle = open(address, &HEALTH.replace("Connection: close\r\n", "")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        shutdown.drain(Duration::from_secs(1)).await,
        Drained::Complete
    );
    drop((half, idle));
}

#[test]
fn an_address_has_its_share() {
    let table = Table::new(FEW);
    let classes = |address: &str, count: usize| {
        let address = address.parse().unwrap();
        let admit = |_| table.admit(address).inspect(|seat| assert!(seat.begin()));
        (0..count).map(admit).collect::<Vec<_>>()
    };
    let class = |seat: &Option<watchpost_service::connections::table::Seat>| {
        seat.as_ref().map(|seat| seat.class())
    };
    let first = classes("2001:db8::1", 4);
    assert!(first.iter().all(|seat| class(seat) == Some(Class::Open)));
    let neighbour = classes("2001:db8::2", 1);
    assert_eq!(
        class(&neighbour[0]),
        Some(Class::Probes),
        "the same network"
    );
    let other = classes("192.0.2.1", 1);
    assert_eq!(class(&other[0]), Some(Class::Open));
    let local = classes("127.0.0.1", 6);
    let found: Vec<_> = local.iter().map(class).collect();
    let (open, reserve) = (Some(Class::Open), Some(Class::Loopback));
    assert_eq!(
        found,
        [open, open, open, reserve, reserve, Some(Class::Probes)]
    );
    assert!(table.admit("192.0.2.2".parse().unwrap()).is_none());
    drop(first);
    let again = table.admit("2001:db8::2".parse().unwrap());
    assert_eq!(class(&again), Some(Class::Open), "places come back");
}

#[test]
fn who_never_asked_makes_room_first_then_who_waits_longest() {
    let table = Table::new(Limits {
        connections: 3,
        per_address: 3,
        reserve: 1,
    });
    let address = "192.0.2.1".parse().unwrap();
    let admit = || table.admit(address).unwrap();
    let (old, new, silent) = (admit(), admit(), admit());
    for seat in [&old, &new] {
        assert!(seat.begin());
        seat.end();
    }
    let next = admit();
    assert!(!silent.begin(), "it never asked");
    assert!(next.begin());
    let another = admit();
    assert!(!old.begin(), "it waited longest");
    assert!(another.begin() && new.begin());
    assert_eq!(admit().class(), Class::Probes, "all work");
}

/// A crowd before a small port: who was just accepted has the time to ask, and those who never do end each other.
#[test]
fn who_just_came_is_not_ended_by_the_next() {
    const PLACES: usize = 16;
    let table = Table::new(Limits {
        connections: PLACES,
        per_address: PLACES,
        reserve: 1,
    });
    let address = "127.0.0.1".parse().unwrap();
    let admit = || table.admit(address).unwrap();
    let idle: Vec<_> = std::iter::repeat_with(|| {
        let seat = admit();
        assert!(seat.begin());
        seat.end();
        seat
    })
    .take(PLACES)
    .collect();
    let probe = admit();
    let crowd: Vec<_> = std::iter::repeat_with(admit).take(PLACES / 2 - 1).collect();
    assert!(probe.begin(), "it had no time to ask");
    probe.end();
    let still = idle.iter().filter(|seat| seat.begin()).count();
    assert_eq!(still, PLACES / 2, "those who wait longest made room");
    // Half requests without end: of those who work none goes.
    let silent: Vec<_> = std::iter::repeat_with(admit).take(10 * PLACES).collect();
    assert!(silent.iter().all(|seat| seat.class() == Class::Open));
    assert!(
        !crowd.iter().any(|seat| seat.begin()),
        "the oldest of them went"
    );
    assert!(silent[10 * PLACES - 1].begin());
}

#[test]
fn limits_leave_descriptors_for_files() {
    let few = Limits::new(8192, 256);
    assert_eq!((few.connections, few.reserve), (96, 16));
    assert_eq!(Limits::new(8192, u64::MAX).connections, 8192);
    assert!(Limits::new(8192, 20).connections <= 10);
    let before = watchpost_service::descriptors::limit();
    assert!(watchpost_service::descriptors::raise_limit() >= before);
}
