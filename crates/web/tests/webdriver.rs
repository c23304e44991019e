//! A headless Chromium through ChromeDriver (W3C WebDriver), as far as the tests need it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use watchpost_testkit::{TempFolder, skip, wait};

/// Starting a browser and its first page on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser of its own, with an empty profile; it ends with the value.
pub(crate) struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    _profile: TempFolder,
}

impl Browser {
    /// `None` after the test was skipped for want of a browser.
    pub(crate) fn start() -> Option<Browser> {
        let found = |names: [&str; 2]| {
            let paths = std::env::var_os("PATH")?;
            let mut places = std::env::split_paths(&paths)
                .flat_map(|folder| names.map(|name| folder.join(name)));
            places.find(|path| path.is_file())
        };
        let (Some(driver), Some(chromium)) = (
            found(["chromedriver", "chromium-driver"]),
            found(["chromium", "google-chrome"]),
        ) else {
            skip("no browser: chromium and chromedriver are not installed");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .ok()?
            .local_addr()
            .ok()?
            .port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(watchpost_client::tls::no_trust().unwrap())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let profile = watchpost_testkit::temp_folder();
        let mut browser = Browser {
            driver,
            session: format!("http://127.0.0.1:{port}"),
            http,
            runtime,
            _profile: profile,
        };
        wait::until("chromedriver", || browser.ask("GET", "/status", None).ok());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1300,1000",
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        arguments.push(format!(
            "--user-data-dir={}",
            browser._profile.path().display()
        ));
        let options = json!({ "binary": chromium, "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" }, "pageLoadStrategy": "eager",
        } } });
        let session = browser.ask("POST", "/session", Some(wanted)).unwrap();
        browser.session = format!(
            "{}/session/{}",
            browser.session,
            session["sessionId"].as_str().unwrap()
        );
        Some(browser)
    }

    fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.map_err(|error| error.to_string())?;
            let failed = !response.status().is_success();
            let text = response.text().await.map_err(|error| error.to_string())?;
            let answer: Value = serde_json::from_str(&text).unwrap_or_default();
            if failed {
                Err(answer["value"]["message"].to_string())
            } else {
                Ok(answer["value"].clone())
            }
        })
    }

    pub(crate) fn open(&self, url: &str) {
        self.ask("POST", "/url", Some(json!({ "url": url })))
            .unwrap();
    }

    /// Runs a script in the page and gives what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask(
            "POST",
            "/execute/sync",
            Some(json!({ "script": script, "args": [] })),
        )
        .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression of the page is true.
    pub(crate) fn wait(&self, what: &str, expression: &str) {
        let script = format!("return Boolean({expression})");
        if wait::until_or_none(|| (self.run(&script) == json!(true)).then_some(())).is_none() {
            panic!(
                "{what}: {expression} stays false\n{}\n{}",
                self.run("return document.body.innerText"),
                self.complaints()
            );
        }
    }

    /// What the page wrote on the console: broken scripts and refused resources.
    pub(crate) fn complaints(&self) -> String {
        let log = self
            .ask("POST", "/se/log", Some(json!({ "type": "browser" })))
            .unwrap_or_default();
        let severe = log
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| entry["level"] == "SEVERE");
        severe
            .map(|entry| format!("{}\n", entry["message"]))
            .collect()
    }

    /// Saves a picture where `WATCHPOST_SCREENSHOTS` names a folder.
    pub(crate) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("WATCHPOST_SCREENSHOTS") else {
            return;
        };
        let picture = self.ask("GET", "/screenshot", None).unwrap();
        let script = Command::new("base64")
            .arg("-d")
            .stdin(Stdio::piped())
            .stdout(std::fs::File::create(std::path::Path::new(&folder).join(name)).unwrap())
            .spawn();
        use std::io::Write as _;
        let mut decoder = script.unwrap();
        decoder
            .stdin
            .take()
            .unwrap()
            .write_all(picture.as_str().unwrap().as_bytes())
            .unwrap();
        decoder.wait().unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.ask("DELETE", "", None);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
