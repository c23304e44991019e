//! TLS for clients: rustls with ring, trusting the machine's certificate authorities or those of a
//! file. Nothing is read for a plain http URL, which keeps a small process small.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Certificate authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read or holds no certificate.
    #[error("certificate authorities in {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The machine has none.
    #[error(
        "no certificate authorities found on this machine ({reason}); install ca-certificates or name a CA file"
    )]
    Machine {
        /// What the search met.
        reason: String,
    },
    /// rustls refuses the configuration.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

/// A client configuration that trusts the authorities in `ca_file` (PEM), or the machine's.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let fail = |reason: String| TlsError::File {
                path: path.to_owned(),
                reason,
            };
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| fail(error.to_string()))?
            {
                let certificate = certificate.map_err(|error| fail(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| fail(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(fail("holds no certificate in PEM".into()));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
                return Err(TlsError::Machine {
                    reason: reasons.join("; "),
                });
            }
        }
    }
    verified_by(roots)
}

/// A configuration that trusts nobody: for clients that never speak TLS.
pub fn no_trust() -> Result<ClientConfig, TlsError> {
    verified_by(RootCertStore::empty())
}

fn verified_by(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
