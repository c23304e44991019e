//! The server itself: health, ready, ping, first setup.

use serde::{Deserialize, Serialize};

use super::{Authorization, Bucket, Org, User};
use crate::client::{Client, Request};
use crate::{Error, Result};

/// Answer of `/health`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `influxdb`.
    #[serde(default)]
    pub name: String,
    /// `pass` or `fail`.
    pub status: String,
    /// Words about the status.
    #[serde(default)]
    pub message: String,
    /// The server's version.
    #[serde(default)]
    pub version: String,
}

/// First setup of an empty server.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setup {
    /// Name of the first user.
    pub username: String,
    /// Password, at least 8 characters.
    pub password: String,
    /// Name of the first organization.
    pub org: String,
    /// Name of the first bucket.
    pub bucket: String,
    /// Retention of that bucket in seconds; 0 keeps for ever.
    pub retention_period_seconds: u64,
    /// The first token; the server makes one up if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What a setup made.
#[derive(Debug, Clone, Deserialize)]
pub struct SetupAnswer {
    /// The user.
    pub user: User,
    /// The organization.
    pub org: Org,
    /// The bucket.
    pub bucket: Bucket,
    /// The token, shown this once.
    pub auth: Authorization,
}

impl Client {
    /// `/health`; a server that says `fail` answers it too.
    pub async fn health(&self) -> Result<Health> {
        let response = self
            .send(&Request {
                path: "health",
                ..Request::default()
            })
            .await?;
        if !response.status().is_success() && response.status().as_u16() != 503 {
            return Err(self.api_error(response).await);
        }
        self.decode("health", response).await
    }

    /// True once `/ready` answers 200.
    pub async fn ready(&self) -> Result<bool> {
        let response = self
            .send(&Request {
                path: "ready",
                ..Request::default()
            })
            .await?;
        Ok(response.status().is_success())
    }

    /// `/metrics`: the server's own metrics as Prometheus text.
    pub async fn metrics(&self) -> Result<String> {
        let response = self
            .send_ok(&Request {
                path: "metrics",
                ..Request::default()
            })
            .await?;
        let bytes = self.read(response, self.config().answer_limit).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// `/ping`: the version the server names in its header, empty if it names none.
    pub async fn ping(&self) -> Result<String> {
        let response = self
            .send_ok(&Request {
                path: "ping",
                ..Request::default()
            })
            .await?;
        let version = response
            .headers()
            .get("x-influxdb-version")
            .and_then(|value| value.to_str().ok());
        Ok(version.unwrap_or_default().to_owned())
    }

    /// True while the server waits for its first setup.
    pub async fn setup_allowed(&self) -> Result<bool> {
        #[derive(Deserialize)]
        struct Answer {
            allowed: bool,
        }
        let answer: Answer = self.fetch("api/v2/setup", &[]).await?;
        Ok(answer.allowed)
    }

    /// Sets an empty server up. Errors: 422 when it was set up before.
    pub async fn setup(&self, setup: &Setup) -> Result<SetupAnswer> {
        self.create("api/v2/setup", setup).await
    }

    /// The types of permissions that the server has besides InfluxDB's: `points`, `requests` on the embedded one, none on
    /// InfluxDB or for a token that may not ask.
    pub async fn own_permissions(&self) -> Result<Vec<String>> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "kebab-case", default)]
        struct Config {
            watchpost_permissions: Vec<String>,
        }
        #[derive(Deserialize)]
        struct Answer {
            config: Config,
        }
        match self.fetch::<Answer>("api/v2/config", &[]).await {
            Ok(answer) => Ok(answer.config.watchpost_permissions),
            Err(Error::Api {
                status: 401 | 403 | 404,
                ..
            }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The user the token belongs to.
    pub async fn me(&self) -> Result<User> {
        self.fetch("api/v2/me", &[]).await
    }

    /// The only thing of a list whose filter names it; `None` for an empty list or a 404.
    pub(super) fn only<T>(found: Result<Vec<T>>) -> Result<Option<T>> {
        match found {
            Ok(list) => Ok(list.into_iter().next()),
            Err(Error::Api { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("username", &self.username)
            .field("org", &self.org)
            .finish_non_exhaustive()
    }
}
