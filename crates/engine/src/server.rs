//! The running server: opened, set up, listening, maintained, stopped.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use watchpost_core::duration;
use watchpost_service::connections::{self, Limits};
use watchpost_service::descriptors;
use watchpost_service::egress::Egress;
use watchpost_service::hosts::KnownHosts;
use watchpost_service::secret::Secret;
use watchpost_service::service_manager;
use watchpost_service::shutdown::{DRAIN_LIMIT, Drained, Shutdown};
use watchpost_service::tls::Certificate;
use watchpost_storage::disk::Disk;

use crate::api::setup::{self, Setup};
use crate::api::{buckets::Retention, router};
use crate::app::{App, Settings};
use crate::auth::token::{self, TokenHash};
use crate::cli::Serve;
use crate::clock::SystemClock;

/// Stack of the threads that queries run on: room for the recursion that the language allows.
const STACK_BYTES: usize = 8 << 20;

/// How long the maintenance thread sleeps at most: also how soon it notices that it is to stop.
const MAINTENANCE_PAUSE: Duration = Duration::from_secs(1);

/// Settings that cannot be used, found before anything was opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSettings(pub String);

/// Serves until it is told to stop.
///
/// # Errors
/// The settings are wrong, the folder or the port cannot be used.
pub fn run(serve: &Serve) -> anyhow::Result<ExitCode> {
    let setup = setup_of(serve)?;
    descriptors::raise_limit();
    // Another provider installed before is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()?;
    runtime.block_on(listen(serve, setup.as_ref()))
}

async fn listen(serve: &Serve, setup: Option<&Setup>) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    let settings = Settings {
        data_dir: serve.data_dir.clone(),
        limits: serve.limits.clone(),
        catch_up: serve.catch_up_tasks,
        disk: Disk::default(),
        egress: Egress::new(serve.allow_requests_to.clone()),
        is_https: serve.tls_cert.is_some(),
    };
    let app = Arc::new(App::open(&settings, Arc::new(SystemClock))?);
    if let Some(setup) = setup {
        set_up(&app, setup)?;
    }
    let certificate = match (&serve.tls_cert, &serve.tls_key) {
        (Some(cert), Some(key)) => Some(Certificate::load(cert, key)?),
        _ => None,
    };
    let listener = connections::bind(serve.listen).await?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() && certificate.is_none() {
        tracing::warn!(%address, "tokens travel in the clear: use --tls-cert and --tls-key, or listen on 127.0.0.1");
    }
    crate::tasks::start(&app);
    let maintenance = maintain(Arc::clone(&app), shutdown.clone())?;
    let scheme = if certificate.is_some() {
        "https"
    } else {
        "http"
    };
    announce(&format!("listening on {scheme}://{address}"))?;
    service_manager::ready(&shutdown);
    let tls = match certificate {
        None => None,
        Some(certificate) => {
            certificate.watch(&shutdown)?;
            Some(certificate.server_config()?)
        }
    };
    // Whatever is worth reading needs a token or a session.
    let known = KnownHosts::new(address.ip(), &serve.allowed_hosts, "--allowed-hosts", true);
    let routes = known.guard(router(Arc::clone(&app)));
    connections::serve(listener, tls, routes, Limits::server(), &shutdown);
    shutdown.requested().await;
    if let Drained::Abandoned(tasks) = shutdown.drain(DRAIN_LIMIT).await {
        tracing::warn!(tasks, "stopped without waiting longer");
    }
    maintenance
        .join()
        .map_err(|_| anyhow::anyhow!("the maintenance thread panicked"))?;
    close(app);
    Ok(ExitCode::SUCCESS)
}

/// Says on standard output that the server is ready: scripts wait for this line.
fn announce(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn maintain(app: Arc<App>, shutdown: Shutdown) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name("maintenance".to_owned())
        .spawn(move || {
            while !shutdown.is_requested() {
                app.wait_for_work(MAINTENANCE_PAUSE);
                app.maintain();
            }
        })
}

/// Seals what is in memory, so that the next start has nothing to replay.
fn close(app: Arc<App>) {
    let Some(app) = Arc::into_inner(app) else {
        tracing::info!("a request still runs: the next start replays the log");
        return;
    };
    if let Some(storage) = Arc::into_inner(app.storage)
        && let Err(error) = storage.close()
    {
        tracing::error!(%error, "storage could not be closed; the next start replays the log");
    }
}

/// What the flags ask to set up.
fn setup_of(serve: &Serve) -> Result<Option<Setup>, BadSettings> {
    let (Some(org), Some(bucket), Some(file)) = (
        &serve.setup_org,
        &serve.setup_bucket,
        &serve.setup_token_file,
    ) else {
        return Ok(None);
    };
    let retention: duration::Duration = serve.setup_retention.parse().map_err(|error| {
        BadSettings(format!(
            "--setup-retention {:?}: {error}",
            serve.setup_retention
        ))
    })?;
    let nanoseconds = retention.fixed_nanos().ok_or_else(|| {
        BadSettings(format!(
            "--setup-retention {:?}: months have no fixed length; use days",
            serve.setup_retention
        ))
    })?;
    let retention_seconds = nanoseconds / 1_000_000_000;
    Retention::checked(retention_seconds, None).map_err(|error| {
        BadSettings(format!(
            "--setup-retention {:?}: {error}",
            serve.setup_retention
        ))
    })?;
    let token = token_of(file).map_err(|error| {
        BadSettings(format!("--setup-token-file {}: {error:#}", file.display()))
    })?;
    Ok(Some(Setup {
        username: serve.setup_user.clone(),
        password: String::new(),
        org: org.clone(),
        bucket: bucket.clone(),
        retention_seconds,
        token: Some(token),
    }))
}

/// The token in a file; a random one is put there if the file is not, in a folder that is made for it if need be. The file
/// decides who rules the server: one that others may write, or that holds too little to be a secret, is refused.
fn token_of(file: &Path) -> anyhow::Result<String> {
    if file.try_exists()? {
        return Ok(Secret::token_from_file(file)?.reveal().to_owned());
    }
    let token = token::generate();
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    created.write_all(format!("{token}\n").as_bytes())?;
    created.sync_all()?;
    Ok(token)
}

fn set_up(app: &App, setup: &Setup) -> anyhow::Result<()> {
    let is_set_up = app.meta.read().is_set_up();
    if !is_set_up {
        setup::perform(app, setup)?;
        tracing::info!(org = setup.org, bucket = setup.bucket, "set up");
        return Ok(());
    }
    let token = setup.token.as_deref().unwrap_or_default();
    if app
        .meta
        .read()
        .authorization_by_hash(&TokenHash::of(token))
        .is_none()
    {
        tracing::warn!(
            "the server is set up already, and the token in --setup-token-file is none of its tokens"
        );
    }
    Ok(())
}
