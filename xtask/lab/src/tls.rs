//! A self-signed certificate for 127.0.0.1 and clients that trust it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};

/// A certificate and its key as PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, which is its own authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes a new one for `localhost` and 127.0.0.1 in `directory`.
    ///
    /// # Errors
    ///
    /// The files could not be written.
    pub fn make(directory: &Path) -> Result<Self> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names)?;
        let certificate = directory.join("certificate.pem");
        let key = directory.join("key.pem");
        fs::write(&certificate, made.cert.pem())?;
        fs::write(&key, made.signing_key.serialize_pem())?;
        Ok(Self { certificate, key })
    }

    /// The certificate's PEM text.
    ///
    /// # Errors
    ///
    /// The file is gone.
    pub fn pem(&self) -> Result<Vec<u8>> {
        fs::read(&self.certificate)
            .with_context(|| format!("cannot read {}", self.certificate.display()))
    }

    /// A TLS client that trusts this certificate only.
    ///
    /// # Errors
    ///
    /// The file is gone or no certificate.
    pub fn client(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.certificate)?)?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// The cryptography of all our TLS: ring.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
