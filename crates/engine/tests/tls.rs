//! HTTPS by certificate and key file, and their renewal while the server runs.

use std::path::Path;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use watchpost_testkit::{Signal, temp_folder};

use crate::served::{Served, install_provider, run, serve_with, text};

/// Puts a new certificate for 127.0.0.1 and its key into a folder; gives the certificate in PEM.
fn issue(folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("written");
    std::fs::write(folder.join("cert.pem"), cert.pem()).expect("written");
    cert.pem()
}

/// Whether a client that trusts this certificate alone gets an answer.
async fn is_trusted(served: &Served, pem: &str) -> bool {
    let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate])
        .build();
    let answer = client
        .expect("a client")
        .get(format!("{}/health", served.url))
        .send()
        .await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_without_a_restart() {
    install_provider();
    let folder = temp_folder();
    let first = issue(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let mut served = serve_with(&folder, &["--tls-cert", &cert, "--tls-key", &key]);
    assert!(served.url.starts_with("https://"), "{}", served.url);
    assert!(is_trusted(&served, &first).await);

    let second = issue(folder.path());
    served.daemon.signal(Signal::Reload);
    let end = Instant::now() + Duration::from_secs(20);
    while !is_trusted(&served, &second).await {
        assert!(Instant::now() < end, "the old certificate is still served");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!is_trusted(&served, &first).await);

    // Files that do not fit together leave the old pair in use.
    std::fs::write(folder.path().join("cert.pem"), "no certificate").expect("written");
    served.daemon.signal(Signal::Reload);
    served.daemon.wait_for_line("cannot be used");
    assert!(is_trusted(&served, &second).await);

    std::fs::write(folder.path().join("ca.pem"), &second).expect("written");
    let (token, ca) = (path("secrets/token"), path("ca.pem"));
    let remote = [
        "stats",
        "--host",
        &served.url,
        "--token-file",
        &token,
        "--ca-file",
        &ca,
    ];
    let stats = run(&folder.path().join("data"), &remote);
    assert!(stats.status.success(), "{}", text(&stats.stderr));
}

#[test]
fn a_certificate_that_cannot_be_used_ends_the_start() {
    let folder = temp_folder();
    std::fs::write(folder.path().join("cert.pem"), "nothing").expect("written");
    let path = folder.path().join("cert.pem").display().to_string();
    let flags = [
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        &path,
        "--tls-key",
        &path,
    ];
    let output = run(&folder.path().join("data"), &flags);
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("cert.pem"),
        "{}",
        text(&output.stderr)
    );
}
