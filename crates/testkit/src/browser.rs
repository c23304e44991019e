//! A headless Chromium through ChromeDriver (W3C WebDriver), as far as tests of pages need it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::{TempFolder, skip, temp_folder, wait};

/// Starting a browser and its first page on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const DRIVERS: [&str; 2] = ["chromedriver", "chromium-driver"];
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Nothing but the page: no first run, no updates, no services of the vendor.
const ARGUMENTS: [&str; 10] = [
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

/// A browser of its own, with an empty profile; it ends with the value.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    session: String,
    http: ureq::Agent,
    _profile: TempFolder,
}

impl Browser {
    /// A browser, or `None` after [`skip()`] has said what is not installed.
    pub fn start() -> Option<Browser> {
        Browser::launch().map_err(|why| skip(&why)).ok()
    }

    /// A browser; the error says what is not installed.
    ///
    /// # Panics
    /// If what is installed does not start.
    pub fn launch() -> Result<Browser, String> {
        let (Some(driver), Some(browser)) = (found(&DRIVERS), found(&BROWSERS)) else {
            return Err("no browser: chromium and chromedriver are not installed".into());
        };
        let port = free_port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false);
        let mut started = Browser {
            driver,
            session: format!("http://127.0.0.1:{port}"),
            http: config.build().into(),
            _profile: temp_folder(),
        };
        wait::until("chromedriver", || started.get("/status").ok());
        let profile = format!("--user-data-dir={}", started._profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": browser, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
            "pageLoadStrategy": "eager",
        } } });
        let session = started
            .post("/session", &wanted)
            .expect("chromium starts a session");
        let id = session["sessionId"]
            .as_str()
            .expect("a session has an id")
            .to_owned();
        started.session = format!("{}/session/{id}", started.session);
        Ok(started)
    }

    /// Goes to an address.
    ///
    /// # Panics
    /// If it cannot be reached.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }))
            .unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Runs a script in the page and gives what it returns.
    ///
    /// # Panics
    /// If the script throws.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Gives the window a size, in pixels.
    ///
    /// # Panics
    /// If it cannot have it.
    pub fn resize(&self, width: u32, height: u32) {
        self.post("/window/rect", &json!({ "width": width, "height": height }))
            .unwrap_or_else(|error| panic!("{width} by {height}: {error}"));
    }

    /// Waits until an expression of the page is true.
    ///
    /// # Panics
    /// After [`wait::PATIENCE`], with the page's text and console.
    pub fn wait(&self, what: &str, expression: &str) {
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
    pub fn complaints(&self) -> String {
        let log = self
            .post("/se/log", &json!({ "type": "browser" }))
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

    /// Saves a picture (PNG) where `WATCHPOST_SCREENSHOTS` names a folder; else nothing.
    ///
    /// # Panics
    /// If it cannot be taken or written.
    pub fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("WATCHPOST_SCREENSHOTS") else {
            return;
        };
        let picture = self.get("/screenshot").expect("a picture is taken");
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(picture.as_str().unwrap_or_default())
            .expect("a picture comes in base64");
        std::fs::write(PathBuf::from(folder).join(name), bytes).expect("the picture is written");
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        answer(self.http.get(format!("{}{path}", self.session)).call())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.http.post(format!("{}{path}", self.session));
        answer(
            request
                .content_type("application/json")
                .send(body.to_string()),
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, whatever the driver answers.
        let _ = self.http.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
    let mut answer = answer.map_err(|error| error.to_string())?;
    let failed = !answer.status().is_success();
    let text = answer.body_mut().with_config().limit(64 << 20);
    let text = text.read_to_string().map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    if failed {
        Err(value["value"]["message"].to_string())
    } else {
        Ok(value["value"].clone())
    }
}

/// The first of these programs on the PATH.
fn found(names: &[&str]) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&paths)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    places.find(|path| path.is_file())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port of the loopback address is free")
        .port()
}
