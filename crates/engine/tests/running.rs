//! A server inside of the test's process, on a free port of loopback, in a folder that goes with it.

use std::path::Path;
use std::sync::Arc;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use watchpost_engine::api::router;
use watchpost_engine::app::{App, Settings};
use watchpost_engine::clock::{Clock, SystemClock};
use watchpost_engine::limits::Limits;

/// The operator's token of [`Running::set_up`].
pub(crate) const TOKEN: &str = "my-super-secret-token";

/// A server.
pub(crate) struct Running {
    /// Its parts.
    pub(crate) app: Arc<App>,
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    /// Talks to it; decompresses nothing and follows nothing.
    pub(crate) client: Client,
    folder: TempDir,
}

impl Running {
    /// A server in a fresh folder, not set up.
    pub(crate) async fn fresh() -> Self {
        Self::with(Limits::default(), Arc::new(SystemClock)).await
    }

    /// A server in a fresh folder with these limits and this clock.
    pub(crate) async fn with(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            data_dir: folder.path().to_owned(),
            limits,
            catch_up: false,
        };
        let app = Arc::new(App::open(&settings, clock).expect("opens"));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let routes = router(Arc::clone(&app));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        watchpost_engine::tasks::start(&app);
        let client = Client::builder()
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        Self {
            app,
            url,
            client: client.expect("a client"),
            folder,
        }
    }

    /// A server that is set up: user admin, organization myorg, bucket bench, [`TOKEN`].
    pub(crate) async fn set_up() -> Self {
        let server = Self::fresh().await;
        server.perform_setup().await;
        server
    }

    /// Sets the server up as [`Running::set_up`] says.
    pub(crate) async fn perform_setup(&self) {
        let request = json!({
            "username": "admin",
            "password": "adminpassword",
            "org": "myorg",
            "bucket": "bench",
            "token": TOKEN,
        });
        let answer = self
            .client
            .post(format!("{}/api/v2/setup", self.url))
            .json(&request)
            .send()
            .await;
        assert_eq!(answer.expect("answers").status(), 201);
    }

    /// A request with the operator's token.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a method");
        self.client
            .request(method, format!("{}{path}", self.url))
            .header("Authorization", format!("Token {TOKEN}"))
    }

    /// The JSON that a path answers.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.request("GET", path).send().await.expect("answers");
        answer.json().await.expect("JSON")
    }

    /// The server's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
