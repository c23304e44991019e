//! HTTPS by certificate and key.

use watchpost_testkit::temp_folder;

use crate::fixture::{Fixture, write_secret};

#[test]
fn a_certificate_and_a_key_make_it_https() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let hash = watchpost_web::sign_in::users::hash_password("correct horse").unwrap();
    let users =
        format!("[[users]]\nname = \"ada\"\nrole = \"viewer\"\npassword_hash = \"{hash}\"\n");
    let started = Fixture::start_with(|config, folder| {
        config.http.tls_certificate_file = Some(write_secret(folder, "cert.pem", &certificate));
        config.http.tls_key_file = Some(write_secret(folder, "key.pem", &key));
        config.http.users_file = Some(write_secret(folder, "users.toml", &users));
    });
    let Some(fixture) = started else { return };
    let folder = temp_folder();
    let authority = write_secret(folder.path(), "authority.pem", &certificate);
    let trusting = watchpost_client::tls::client_config(Some(&authority)).unwrap();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(trusting)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let port = fixture.address.port();
    let health = fixture.send(http.get(format!("https://localhost:{port}/health")));
    assert_eq!(health.status, 200);
    assert_eq!(
        health.headers["strict-transport-security"],
        "max-age=31536000"
    );
    let body = "name=ada&password=correct+horse&to=%2F";
    let signed_in = fixture.send(
        http.post(format!("https://localhost:{port}/sign-in"))
            .body(body),
    );
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let plain = fixture.block_on(async { fixture.http.get(fixture.url("/health")).send().await });
    assert!(plain.is_err(), "no plain text there");
}
