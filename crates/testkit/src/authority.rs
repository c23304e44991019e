//! A certificate authority for one test: clients are told to trust it, servers get certificates of
//! it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

/// Made anew each time; nobody else has its key.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// # Panics
    /// If no key can be made.
    pub fn new() -> Authority {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters
            .self_signed(&key)
            .expect("an authority signs itself");
        Authority {
            pem: certificate.pem(),
            issuer: Issuer::new(parameters, key),
        }
    }

    /// The certificate of the authority, for a client's CA file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server with a certificate for a name or an address.
    ///
    /// # Panics
    /// If the name cannot stand in a certificate.
    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        let parameters =
            CertificateParams::new([name.to_owned()]).expect("the name fits a certificate");
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters
            .signed_by(&key, &self.issuer)
            .expect("the authority signs");
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private.into())
            .expect("key and certificate belong together");
        Arc::new(config)
    }
}

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}
