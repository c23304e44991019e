//! The telemetry port.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watchpost_service::config::TelemetryConfig;
use watchpost_service::http::{Readiness, Telemetry, serve};
use watchpost_service::metrics::Registry;
use watchpost_service::shutdown::{Drained, Shutdown};

/// Status line and body of a GET.
async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn telemetry(readiness: &Readiness, registry: &Registry) -> Telemetry {
    Telemetry {
        name: "watchpost-sample",
        version: "1.2.3",
        registry: registry.clone(),
        readiness: readiness.clone(),
    }
}

#[tokio::test]
async fn the_three_routes_answer_until_shutdown() {
    let shutdown = Shutdown::new();
    let readiness = Readiness::waiting_for(&["server", "buffer"]);
    let registry = Registry::new();
    registry
        .counter("watchpost_sample_things_total", "Things.")
        .add(3);
    let config = TelemetryConfig::on_port(0);
    let address = serve(&config, telemetry(&readiness, &registry), &shutdown)
        .await
        .unwrap()
        .unwrap();

    let (status, body) = get(address, "/health").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(
        body.contains(r#""status":"pass""#) && body.contains(r#""version":"1.2.3""#),
        "{body}"
    );

    readiness.ready("buffer");
    readiness.not_ready("server", "no connection");
    let (status, body) = get(address, "/ready").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(
        body,
        r#"{"status":"not ready","waiting_for":{"server":"no connection"}}"#
    );
    readiness.ready("server");
    assert_eq!(get(address, "/ready").await.0, "HTTP/1.1 200 OK");

    let (_, body) = get(address, "/metrics").await;
    assert!(
        body.contains("\nwatchpost_sample_things_total 3\n"),
        "{body}"
    );
    assert_eq!(get(address, "/other").await.0, "HTTP/1.1 404 Not Found");

    assert_eq!(
        shutdown.drain(Duration::from_secs(60)).await,
        Drained::Complete
    );
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let shutdown = Shutdown::new();
    let telemetry = telemetry(&Readiness::default(), &Registry::new());
    let mut config = TelemetryConfig::on_port(0);
    config.listen = serve(&config, telemetry.clone(), &shutdown)
        .await
        .unwrap()
        .unwrap();
    let error = serve(&config, telemetry.clone(), &shutdown)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on {}", config.listen)),
        "{error}"
    );
    config.enabled = false;
    assert_eq!(serve(&config, telemetry, &shutdown).await.unwrap(), None);
}
