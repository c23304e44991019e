//! The embedded database and the built web server before it.

use std::process::{Child, Stdio};
use std::time::Duration;

use watchpost_client::management::NewBucket;
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_testkit::{Server, TempFolder, server, temp_folder, wait};

/// The bucket of the raw tier.
pub(super) const BUCKET: &str = "system_metrics_raw";

/// Longest one request takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page's path, and the assets it loads.
pub(super) struct Page(pub(super) &'static str, &'static [&'static str]);

pub(super) const FLEET_PAGE: Page = Page(
    "/",
    &[
        "style.css",
        "page.js",
        "address.js",
        "clock.js",
        "format.js",
        "fleet.js",
        "fleet-map.js",
        "favicon.svg",
    ],
);

pub(super) const HOST_PAGE: Page = Page(
    "/hosts/host-3",
    &[
        "style.css",
        "page.js",
        "address.js",
        "clock.js",
        "range.js",
        "host.js",
        "panel.js",
        "chart.js",
        "chart-overlay.js",
        "chart-picture.js",
        "chart-scale.js",
        "chartjs.js",
        "format.js",
        "favicon.svg",
    ],
);

pub(super) struct Site {
    pub(super) client: Client,
    _server: Server,
    web: Child,
    url: String,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    _folder: TempFolder,
}

impl Site {
    /// `None` after it was said what is not built.
    pub(super) fn start() -> Option<Site> {
        let server = server()?;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let config = ClientConfig {
            timeout: PATIENCE,
            ..ClientConfig::new(
                &server.url,
                &server.org,
                TokenSource::fixed(server.token.as_str()),
            )
        };
        let client = Client::new(config).unwrap();
        runtime.block_on(async {
            let org = client.find_org(&server.org).await.unwrap().unwrap();
            let bucket = NewBucket {
                org_id: org.id,
                name: BUCKET.to_owned(),
                description: None,
                retention_rules: vec![],
            };
            // It may be there already.
            let _ = client.create_bucket(&bucket).await;
        });
        let folder = temp_folder();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let web = watchpost_testkit::command(env!("CARGO_BIN_EXE_watchpost-web"))
            .args(["--listen", &address.to_string(), "--log-level", "warn"])
            .env("INFLUX_URL", &server.url)
            .env("INFLUX_ORG", &server.org)
            .env("INFLUX_TOKEN", &server.token)
            .stdout(Stdio::null())
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(watchpost_client::tls::no_trust().unwrap())
            // Bytes are counted as they come.
            .no_gzip()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Some(Site {
            client,
            _server: server,
            web,
            url: format!("http://{address}"),
            http,
            runtime,
            _folder: folder,
        })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(super) fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    pub(super) fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(work)
    }

    /// The body of an answer, which has to be a good one.
    pub(super) async fn get(&self, path: &str) -> Vec<u8> {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.bytes().await.unwrap().to_vec()
    }

    /// Waits until the fleet has this many hosts.
    pub(super) fn wait_for_hosts(&self, hosts: usize) {
        wait::until("the hosts", || {
            let page = self.block_on(async {
                let answer = self.http.get(self.url("/?rows=all")).send().await.ok()?;
                answer.text().await.ok()
            })?;
            (page.matches("<tr data-host=").count() >= hosts).then_some(())
        });
    }

    /// Bytes of a page and all it loads, as a browser gets them.
    pub(super) fn first_load(&self, Page(path, assets): Page) -> f64 {
        let assets = assets.iter().map(|name| format!("/assets/{name}"));
        let paths = std::iter::once(path.to_owned()).chain(assets);
        let bytes = paths.map(|path| {
            let request = self
                .http
                .get(self.url(&path))
                .header("accept-encoding", "gzip");
            self.block_on(async { request.send().await.unwrap().bytes().await.unwrap().len() })
        });
        bytes.sum::<usize>() as f64
    }

    /// A figure of the web server's memory (`VmRSS`, `VmHWM`), in MB.
    pub(super) fn megabytes(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.web.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
        kibibytes.map_or(0.0, |text| text.parse::<f64>().unwrap() * 1024.0 / 1e6)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.web.kill();
        let _ = self.web.wait();
    }
}
