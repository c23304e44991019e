//! A server inside of the test's process, on a free port of loopback, in a folder that goes with it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use watchpost_engine::api::router;
use watchpost_engine::app::{App, Settings};
use watchpost_engine::clock::{Clock, SystemClock};
use watchpost_engine::limits::Limits;
use watchpost_service::egress::Egress;
use watchpost_storage::disk::Disk;

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
    serving: tokio::task::JoinHandle<()>,
    folder: TempDir,
}

/// What a server in a folder is usually started with.
pub(crate) fn settings(folder: &TempDir) -> Settings {
    Settings {
        data_dir: folder.path().to_owned(),
        limits: Limits::default(),
        catch_up: false,
        disk: Disk::default(),
        egress: Egress::default(),
        is_https: false,
    }
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
            limits,
            ..settings(&folder)
        };
        Self::start(folder, settings, clock).await
    }

    /// A server in a folder that may hold data.
    pub(crate) async fn start(folder: TempDir, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let app = Arc::new(App::open(&settings, clock).expect("opens"));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let routes = router(Arc::clone(&app));
        let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
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
            serving,
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
        self.request_with(TOKEN, method, path)
    }

    /// A request with a token.
    pub(crate) fn request_with(&self, token: &str, method: &str, path: &str) -> RequestBuilder {
        self.bare(method, path)
            .header("Authorization", format!("Token {token}"))
    }

    /// A request without credentials.
    pub(crate) fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Makes a token with permissions in an organization.
    pub(crate) async fn token(&self, org: &Value, permissions: Vec<Value>) -> String {
        let request = self
            .request("POST", "/api/v2/authorizations")
            .json(&json!({ "orgID": org, "permissions": permissions }));
        let made = request.send().await.expect("answers");
        let made: Value = made.json().await.expect("JSON");
        let token = made["token"].as_str();
        token.unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// The JSON that a path answers.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.request("GET", path).send().await.expect("answers");
        answer.json().await.expect("JSON")
    }

    /// Stops it and gives its folder back, which nobody has open then.
    pub(crate) async fn stop(self) -> TempDir {
        let Self {
            app,
            client,
            serving,
            folder,
            ..
        } = self;
        drop(client);
        serving.abort();
        let _ = serving.await;
        let mut app = app;
        // Connections and runs of tasks hold it until they notice.
        for _ in 0..1_000 {
            app = match Arc::try_unwrap(app) {
                Ok(_) => return folder,
                Err(shared) => shared,
            };
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("something still holds the server");
    }

    /// Writes lines to the bucket of [`Running::set_up`]; status and body of the answer.
    pub(crate) async fn write(&self, lines: impl Into<reqwest::Body>) -> (u16, String) {
        let request = self
            .request("POST", "/api/v2/write?org=myorg&bucket=bench")
            .body(lines);
        answered(request).await
    }

    /// Asks a query of the organization of [`Running::set_up`]; status and body of the answer.
    pub(crate) async fn query(&self, flux: &str) -> (u16, String) {
        self.query_with(TOKEN, flux).await
    }

    /// The same with a token.
    pub(crate) async fn query_with(&self, token: &str, flux: &str) -> (u16, String) {
        let request = self
            .request_with(token, "POST", "/api/v2/query?org=myorg")
            .header("Content-Type", "application/vnd.flux")
            .body(flux.to_owned());
        answered(request).await
    }

    /// The server's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

pub(crate) async fn answered(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("answers");
    (
        answer.status().as_u16(),
        answer.text().await.expect("a text"),
    )
}
