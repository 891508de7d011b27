//! Which servers are trusted: `CA_FILE` alone when given, else the system's roots, else the built-in ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// `CA_FILE` cannot be read, or is no PEM.
    #[error("cannot read CA_FILE {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// `CA_FILE` has no certificate.
    #[error("CA_FILE {} has no certificate; it needs PEM blocks that begin with -----BEGIN CERTIFICATE-----", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A certificate in `CA_FILE` cannot be a root.
    #[error("CA_FILE {} has a certificate that cannot be used", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The TLS library refuses its own defaults.
    #[error("cannot set TLS up")]
    Library(#[source] rustls::Error),
}

/// Makes the TLS configuration for one dial. Reads files: call it where blocking is allowed.
///
/// It is made anew for every dial, so that renewed roots are seen, and keeps no session cache: a dial is rare, memory is not.
///
/// # Errors
///
/// [`TrustError`] when `ca_file` is given and cannot be used; the system's roots are never a reason to fail.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let roots = match ca_file {
        Some(path) => roots_of_file(path)?,
        None => system_or_built_in_roots(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Library)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, TrustError> {
    let unreadable = |source| TrustError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let certificate = certificate.map_err(unreadable)?;
        roots
            .add(certificate)
            .map_err(|source| TrustError::Unusable {
                path: path.to_owned(),
                source,
            })?;
    }
    if roots.is_empty() {
        return Err(TrustError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(roots)
}

fn system_or_built_in_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        log::debug!("system root certificates: {error}");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        log::debug!("no system root certificates: using the built-in ones");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        std::fs::write(&path, content).unwrap();
        let error = client_config(Some(&path)).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("ca.pem"),
            "{error}"
        );
    }

    #[test]
    fn a_ca_file_that_cannot_be_used_is_named_with_what_is_wrong() {
        check("", "has no certificate");
        check(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "cannot be used",
        );
        check("-----BEGIN CERTIFICATE-----\n", "cannot read");
    }

    #[test]
    fn without_a_ca_file_there_are_always_roots() {
        assert!(!system_or_built_in_roots().is_empty());
        assert!(client_config(None).is_ok());
    }
}
