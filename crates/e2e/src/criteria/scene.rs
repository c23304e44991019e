//! The platform under judgement, with receivers that record what they are sent.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use watchpost_client::Client;
use watchpost_client::management::{Bucket, NewBucket};
use watchpost_client::write::{Outcome, Precision};
use watchpost_testkit::{HttpReceiver, SmtpReceiver, wait};

use super::Terms;
use crate::platform::{Platform, Site, block_on};

/// Hosts that are simulated beside the real one.
pub(super) const HOSTS: usize = 5;

/// What happens to the fleet: each is seen by a rule, and over within a minute, with
/// time for a kill of the alerter between.
const INCIDENTS: [&str; 4] = [
    "cpu-spike@host-1:+5s:for=40s",
    // Later than its first slow round, which comes within ten seconds.
    "silent@host-2:+15s:for=35s",
    "disk-fill@host-3:+5s:for=10s",
    "disk-clean@host-3:+50s",
];

/// A running platform and its receivers.
pub struct Scene {
    // Declared first, so that it is dropped, and thereby stopped, before its folder.
    platform: Option<Platform>,
    pub terms: Terms,
    pub slack: HttpReceiver,
    pub webhook: HttpReceiver,
    pub mail: SmtpReceiver,
}

impl Scene {
    /// Starts everything; `None` if a binary is not built.
    pub fn set_up(terms: &Terms) -> Option<Scene> {
        let (slack, webhook, mail) = (
            HttpReceiver::slack(),
            HttpReceiver::webhook(),
            SmtpReceiver::open(),
        );
        let mut site = Site::new(|folder| rules(folder, &slack, &webhook, &mail))?;
        if let Some(server) = &terms.external {
            site = site.on(server.clone());
        }
        let mut arguments: Vec<String> = vec!["--hosts".into(), HOSTS.to_string()];
        arguments.extend(
            INCIDENTS
                .iter()
                .flat_map(|it| ["--incident".to_owned(), (*it).to_owned()]),
        );
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let platform = Some(site.up(&arguments));
        Some(Scene {
            platform,
            terms: terms.clone(),
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

/// Writes lines with times in nanoseconds. A server that asks for patience gets it, as from every role.
pub(super) fn write(client: &Client, bucket: &str, lines: &[u8]) -> Result<(), String> {
    let mut last = None;
    let taken = wait::until_or_none(|| {
        let outcome = block_on(client.write(bucket, Precision::Nanoseconds, lines));
        let patience = matches!(outcome, Outcome::RetryAfter { .. });
        last = Some(outcome);
        (!patience).then_some(())
    });
    match (taken, last) {
        (Some(()), Some(Outcome::Done)) => Ok(()),
        (_, other) => Err(format!("{other:?}")),
    }
}

/// A new bucket; one of that name, which a judge that was interrupted left on a server of others, goes.
pub(super) fn fresh_bucket(client: &Client, new: &NewBucket) -> Result<Bucket, String> {
    block_on(async {
        if let Some(left) = client.find_bucket(&new.name).await? {
            client.delete_bucket(&left.id).await?;
        }
        client.create_bucket(new).await
    })
    .map_err(|error: watchpost_client::Error| error.to_string())
}

/// `rules.toml` with the addresses of the receivers.
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
    let words = [
        ("SLACK_URL_FILE", url.to_string()),
        ("WEBHOOK_URL", webhook.url("/alerts")),
        ("MAIL_HOST", mail.ip().to_string()),
        ("2525", mail.port().to_string()),
    ];
    let text = include_str!("rules.toml").to_owned();
    words
        .iter()
        .fold(text, |text, (word, value)| text.replace(word, value))
}
