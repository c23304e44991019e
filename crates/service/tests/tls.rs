//! HTTPS with a certificate that is replaced under a running server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use watchpost_service::connections::{Limits, serve};
use watchpost_service::shutdown::Shutdown;
use watchpost_service::tls::Certificate;

/// Writes a new self-signed pair for `localhost` and gives its certificate.
fn renew(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// The answer to `GET /` for a client that trusts only this certificate.
async fn fetch(address: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_renewed_certificate_is_offered_without_a_restart() {
    let folder = watchpost_testkit::temp_folder();
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let first = renew(folder.path());
    let certificate = Certificate::load(&cert, &key).unwrap();
    let shutdown = Shutdown::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = certificate.server_config().unwrap();
    let app = Router::new().route("/", get(async || "hello"));
    serve(listener, Some(config), app, Limits::server(), &shutdown);

    assert!(fetch(address, &first).await.unwrap().ends_with("hello"));
    let second = renew(folder.path());
    certificate.reload().unwrap();
    assert!(fetch(address, &second).await.unwrap().ends_with("hello"));
    assert!(fetch(address, &first).await.is_err());

    std::fs::write(&key, "no key").unwrap();
    let error = certificate.reload().unwrap_err();
    assert!(error.to_string().contains("key.pem"), "{error}");
    assert!(
        fetch(address, &second).await.is_ok(),
        "the old pair stays in use"
    );
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = watchpost_testkit::temp_folder();
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    renew(folder.path());
    let old = std::fs::read(&key).unwrap();
    renew(folder.path());
    std::fs::write(&key, old).unwrap();
    let error = Certificate::load(&cert, &key).unwrap_err();
    assert!(
        error.to_string().starts_with("TLS certificate and key: "),
        "{error}"
    );
}

/// Idle connections in their handshake hold up neither each other nor those who speak.
#[tokio::test]
async fn silent_handshakes_delay_nobody() {
    let folder = watchpost_testkit::temp_folder();
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let trusted = renew(folder.path());
    let certificate = Certificate::load(&cert, &key).unwrap();
    let shutdown = Shutdown::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = certificate.server_config().unwrap();
    let app = Router::new().route("/", get(async || "hello"));
    let limits = Limits::new(8192, 256);
    serve(listener, Some(config), app, limits, &shutdown);
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let begun = std::time::Instant::now();
    assert!(fetch(address, &trusted).await.unwrap().ends_with("hello"));
    // Far below the ten seconds after which a silent handshake ends.
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
}
