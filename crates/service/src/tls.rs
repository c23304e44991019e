//! HTTPS for servers: a certificate and key file by rustls, taken anew when the files change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::reload::Hangup;
use crate::shutdown::Shutdown;

/// How often the certificate file is looked at. Renewals happen weeks before expiry.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read or holds no PEM of the kind needed.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Key and certificate do not fit, or rustls refuses them.
    #[error("TLS certificate and key: {0}")]
    Pair(#[from] rustls::Error),
}

/// A certificate chain and key from two PEM files.
#[derive(Debug)]
pub struct Certificate {
    certificate_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads both files.
    pub fn load(certificate_file: &Path, key_file: &Path) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(read_pair(certificate_file, key_file)?);
        Ok(Arc::new(Self {
            certificate_file: certificate_file.to_owned(),
            key_file: key_file.to_owned(),
            current,
        }))
    }

    /// Reads both files again; on an error the old pair stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let pair = read_pair(&self.certificate_file, &self.key_file)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(())
    }

    /// A server configuration that always offers the current pair: TLS 1.2 and 1.3, HTTP/1.1.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Takes renewed files while the process runs, until shutdown: some time after they changed, or at once on SIGHUP.
    ///
    /// Errors: the runtime has no signal driver.
    pub fn watch(self: &Arc<Self>, shutdown: &Shutdown) -> io::Result<()> {
        let (this, stop) = (Arc::clone(self), shutdown.clone());
        let mut hangup = Hangup::new()?;
        shutdown.spawn(async move {
            let mut seen = this.modified();
            loop {
                let asked = tokio::select! {
                    () = stop.requested() => return,
                    () = hangup.received() => true,
                    () = tokio::time::sleep(POLL_INTERVAL) => false,
                };
                let now = this.modified();
                if !asked && now == seen {
                    continue;
                }
                match this.reload() {
                    Ok(()) => {
                        seen = now;
                        tracing::info!(file = %this.certificate_file.display(), "certificate renewed");
                    }
                    // Certificate and key are replaced one after the other: the next look settles it.
                    Err(error) => tracing::warn!(%error, "the changed certificate cannot be used; the old one stays"),
                }
            }
        });
        Ok(())
    }

    fn modified(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate_file, &self.key_file]
            .map(|path| std::fs::metadata(path).ok()?.modified().ok())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.current.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

fn read_pair(certificate_file: &Path, key_file: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let fail = |path: &Path, reason: String| TlsError::File {
        path: path.to_owned(),
        reason,
    };
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(certificate_file)
            .and_then(Iterator::collect)
            .map_err(|error| fail(certificate_file, error.to_string()))?;
    if certificates.is_empty() {
        return Err(fail(
            certificate_file,
            "holds no certificate in PEM".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| fail(key_file, error.to_string()))?;
    let provider = rustls::crypto::ring::default_provider();
    Ok(Arc::new(CertifiedKey::from_der(
        certificates,
        key,
        &provider,
    )?))
}
