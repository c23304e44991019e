//! A running server, asked by the binary's own commands.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Certificate, Client, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;
use watchpost_service::secret::Secret;

use crate::cli::RemoteServer;

/// How long the server may be silent. A check of many gigabytes says nothing until it is through.
const SILENCE: Duration = Duration::from_secs(600);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A server and the operator's token for it.
pub(super) struct Remote {
    runtime: Runtime,
    client: Client,
    url: String,
    token: Secret,
}

impl Remote {
    /// The server that the flags name, if they name one.
    pub(super) fn of(server: &RemoteServer) -> anyhow::Result<Option<Self>> {
        let Some(url) = &server.host else {
            return Ok(None);
        };
        let file = server
            .token_file
            .as_ref()
            .context("--host needs --token-file")?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            // The operator's token must not follow a redirect to another host.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        if let Some(file) = &server.ca_file {
            let pem = std::fs::read(file).with_context(|| file.display().to_string())?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("{}: no certificates", file.display()))?;
            client = client.tls_certs_only(certificates);
        }
        Ok(Some(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            client: client.build()?,
            url: url.trim_end_matches('/').to_owned(),
            token: Secret::from_file(file)?,
        }))
    }

    /// The JSON that a path answers.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.runtime
            .block_on(async { Ok(self.send(path).await?.json().await?) })
    }

    /// Copies what a path answers; gives its bytes. An answer that breaks off is an error.
    pub(super) fn download(&self, path: &str, target: &mut dyn Write) -> anyhow::Result<u64> {
        self.runtime.block_on(async {
            let mut answer = self.send(path).await?;
            let mut bytes = 0;
            while let Some(chunk) = answer.chunk().await.context("the server broke off")? {
                target.write_all(&chunk)?;
                bytes += chunk.len() as u64;
            }
            Ok(bytes)
        })
    }

    async fn send(&self, path: &str) -> anyhow::Result<Response> {
        let request = self
            .client
            .get(format!("{}{path}", self.url))
            .header("Authorization", format!("Token {}", self.token.reveal()));
        let answer = request
            .send()
            .await
            .with_context(|| format!("cannot reach {} (--host)", self.url))?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status => {
                let body = answer.text().await.unwrap_or_default();
                let parsed: Option<serde_json::Value> = serde_json::from_str(&body).ok();
                let message = parsed.as_ref().and_then(|json| json["message"].as_str());
                bail!(
                    "{} answered {status}: {}",
                    self.url,
                    message.unwrap_or(&body)
                )
            }
        }
    }
}
