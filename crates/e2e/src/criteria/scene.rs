//! The platform under judgement, with receivers that record what they are sent.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use watchpost_testkit::{HttpReceiver, SmtpReceiver};

use crate::platform::{Platform, Site};

/// Hosts that are simulated beside the real one.
pub(super) const HOSTS: usize = 5;

/// A running platform and its receivers.
pub struct Scene {
    // Declared first, so that it is dropped, and thereby stopped, before its folder.
    platform: Option<Platform>,
    pub slack: HttpReceiver,
    pub webhook: HttpReceiver,
    pub mail: SmtpReceiver,
}

impl Scene {
    /// Starts everything; `None` if a binary is not built.
    pub fn set_up() -> Option<Scene> {
        let (slack, webhook, mail) = (
            HttpReceiver::slack(),
            HttpReceiver::webhook(),
            SmtpReceiver::open(),
        );
        let site = Site::new(|folder| rules(folder, &slack, &webhook, &mail))?;
        let incidents = [
            "cpu-spike@host-1:+20s",
            "silent@host-2:+20s:for=90s",
            "disk-fill@host-3:+10s:for=20s",
        ];
        let mut arguments: Vec<String> = vec!["--hosts".into(), HOSTS.to_string()];
        arguments.extend(
            incidents
                .iter()
                .flat_map(|it| ["--incident".to_owned(), (*it).to_owned()]),
        );
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let platform = Some(site.up(&arguments));
        Some(Scene {
            platform,
            slack,
            webhook,
            mail,
        })
    }

    /// The running platform.
    ///
    /// # Panics
    /// After [`Scene::tear_down`].
    pub fn platform(&self) -> &Platform {
        self.platform
            .as_ref()
            .expect("the platform runs until it is torn down")
    }

    /// Stops everything; nothing is left behind.
    pub fn tear_down(mut self) {
        if let Some(platform) = self.platform.take() {
            platform.stop();
        }
    }
}

/// The shipped rules in small: seconds instead of minutes, and three receivers.
fn rules(
    folder: &Path,
    slack: &HttpReceiver,
    webhook: &HttpReceiver,
    mail: &SmtpReceiver,
) -> String {
    let url = folder.join("slack.url");
    fs::write(&url, slack.url("/services/T/B/hidden")).unwrap();
    fs::set_permissions(&url, Permissions::from_mode(0o600)).unwrap();
    let (mail, url) = (mail.address(), url.display());
    format!(
        r#"
[defaults]
bucket = "system_metrics_raw"
measurement = "system_metrics"
every = "2s"

[[rule]]
name = "cpu_high"
kind = "threshold"
field = "cpu_usage_percent"
where = ['cpu=""', 'host="host-1"']
aggregate = "mean"
window = "10s"
above = {{ warn = 90, critical = 95, recover = 85 }}

[[rule]]
name = "disk_high"
kind = "threshold"
field = "disk_usage_percent"
where = ['host="host-3"', 'mountpoint="/"']
aggregate = "last"
window = "1m"
above = {{ critical = 90, recover = 78 }}

[[rule]]
name = "host_silent"
kind = "no_data"
field = "uptime_seconds"
where = ['host="host-2"']
group_by = ["host"]
after = "15s"
severity = "critical"

[route]
receiver = "chat"
group_by = ["alertname", "host"]
group_wait = "0s"
group_interval = "5s"
repeat_interval = "30m"

[[route.routes]]
receiver = "chat"
continue = true

[[route.routes]]
receiver = "hook"
continue = true

[[route.routes]]
receiver = "post"

[[receiver]]
name = "chat"
kind = "slack"
url_file = "{url}"

[[receiver]]
name = "hook"
kind = "webhook"
url = "{}"

[[receiver]]
name = "post"
kind = "email"
to = ["operator@example.org"]
from = "watchpost@example.org"
host = "{}"
port = {}
security = "none"
"#,
        webhook.url("/alerts"),
        mail.ip(),
        mail.port(),
    )
}
