//! A web server over a running database, with a bucket of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use watchpost_client::management::NewBucket;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_service::config::Interval;
use watchpost_service::shutdown::Shutdown;
use watchpost_testkit::{Server, TempFolder};
use watchpost_web::config::WebConfig;
use watchpost_web::serve;

/// Longest anything is waited for: debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running web server and what is behind it.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) http: reqwest::Client,
    /// Holds the secret files.
    _folder: TempFolder,
    client: Client,
    bucket: String,
    shutdown: Shutdown,
    runtime: tokio::runtime::Runtime,
}

/// An answer: status and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Fixture {
    /// `None` after the test was skipped for want of a database.
    pub(crate) fn start() -> Option<Fixture> {
        Self::start_with(|_, _| {})
    }

    /// With changes to the configuration.
    pub(crate) fn start_with(change: impl FnOnce(&mut WebConfig, &Path)) -> Option<Fixture> {
        let server = watchpost_testkit::server()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let folder = watchpost_testkit::temp_folder();
        let token_file = write_secret(folder.path(), "token", &server.token);
        let config = ClientConfig {
            timeout: PATIENCE,
            ..ClientConfig::new(
                &server.url,
                &server.org,
                TokenSource::fixed(server.token.as_str()),
            )
        };
        let client = Client::new(config).unwrap();
        let name = folder
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .replace('.', "web");
        let mut config = WebConfig::default();
        config.http.listen.set_port(0);
        config.influx.url = server.url.clone();
        config.influx.org = server.org.clone();
        config.influx.bucket = format!("{name}-raw");
        config.influx.token_file = Some(token_file.clone());
        config.influx.timeout = Interval(PATIENCE);
        config.tiers.hourly_bucket = format!("{name}-1h");
        config.tiers.daily_bucket = format!("{name}-1d");
        config.tiers.alerts_bucket = format!("{name}-alerts");
        config.annotations.bucket = format!("{name}-annotations");
        config.annotations.token_file = Some(token_file);
        config.live.interval = Interval::milliseconds(200);
        config.live.sweep_interval = Interval::seconds(1);
        change(&mut config, folder.path());
        runtime.block_on(async {
            let org_id = client
                .find_org(&server.org)
                .await
                .unwrap()
                .expect("the organization")
                .id;
            let tiers = &config.tiers;
            for name in [
                &config.influx.bucket,
                &config.annotations.bucket,
                &tiers.alerts_bucket,
            ] {
                let bucket = NewBucket {
                    org_id: org_id.clone(),
                    name: name.clone(),
                    description: None,
                    retention_rules: vec![],
                };
                match client.create_bucket(&bucket).await {
                    Err(error) if error.to_string().contains("already exists") => {}
                    made => drop(made.unwrap()),
                }
            }
        });
        let bucket = config.influx.bucket.clone();
        let shutdown = Shutdown::new();
        let address = runtime.block_on(serve::start(config, &shutdown)).unwrap();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(watchpost_client::tls::no_trust().unwrap())
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Some(Fixture {
            server,
            address,
            http,
            _folder: folder,
            client,
            bucket,
            shutdown,
            runtime,
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Writes line protocol with timestamps in nanoseconds.
    pub(crate) fn write(&self, lines: &str) {
        self.write_to(&self.bucket, lines);
    }

    /// Writes into another bucket.
    pub(crate) fn write_to(&self, bucket: &str, lines: &str) {
        let write = self
            .client
            .write(bucket, Precision::Nanoseconds, lines.as_bytes());
        assert_eq!(self.block_on(write), Outcome::Done, "{lines}");
    }

    /// One point of `host` with these CPU and memory percentages, `ago` seconds ago.
    pub(crate) fn write_host(&self, host: &str, cpu: f64, memory: f64, ago: i64) {
        let time = now() - ago * 1_000_000_000;
        let tags = format!("environment=production,host={host},region=eu-west-1,service=web");
        self.write(&format!(
            "system_metrics,{tags},metric_type=cpu cpu_usage_percent={cpu},cpu_load_1m=0.5 {time}\n\
             system_metrics,cpu=0,{tags},metric_type=cpu cpu_usage_percent={cpu} {time}\n\
             system_metrics,{tags},metric_type=memory memory_usage_percent={memory} {time}\n"
        ));
    }

    /// Removes all raw points of a host from the database.
    pub(crate) fn delete_host(&self, host: &str) {
        let (server, bucket) = (&self.server, &self.bucket);
        let url = format!(
            "{}/api/v2/delete?org={}&bucket={bucket}",
            server.url, server.org
        );
        let request = self.http.post(url).bearer_auth(&server.token);
        let answer = self.send(request.json(&serde_json::json!({
            "start": "1970-01-01T00:00:00Z",
            "stop": "2100-01-01T00:00:00Z",
            "predicate": format!("host=\"{host}\""),
        })));
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.url(path)))
    }

    pub(crate) fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.block_on(async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer {
                status,
                headers,
                body: response.text().await.unwrap(),
            }
        })
    }

    /// Waits until the answer to a path satisfies a condition.
    pub(crate) fn wait_for(
        &self,
        what: &str,
        path: &str,
        condition: impl Fn(&Answer) -> bool,
    ) -> Answer {
        watchpost_testkit::wait::until(what, || {
            Some(self.get(path)).filter(|answer| condition(answer))
        })
    }

    /// Waits until the watch of the fleet has seen the host.
    pub(crate) fn wait_for_host(&self, host: &str) {
        self.wait_for(host, "/api/v1/hosts", |answer| {
            answer.status == 200
                && answer.json()["hosts"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|found| found["host"] == host)
        });
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

/// Serves this configuration until the order to stop comes; gives the bound address.
pub(crate) fn serve(
    runtime: &tokio::runtime::Runtime,
    config: WebConfig,
    shutdown: &Shutdown,
) -> SocketAddr {
    runtime.block_on(serve::start(config, shutdown)).unwrap()
}

/// Writes a secret file that nobody else may read.
pub(crate) fn write_secret(folder: &Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}
