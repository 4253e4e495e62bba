//! TLS: whom to trust and what to present.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::config::{Config, Protocol};

/// What prevents an exporter from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate or key cannot be read.
    #[error("cannot read {path}: {reason}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Only one of client certificate and client key is given.
    #[error("a client certificate and its key must be given together")]
    HalfClient,
    /// The system trusts nobody, and no certificate was given.
    #[error(
        "this system has no certificates to trust; name some with --otlp-certificate or OTEL_EXPORTER_OTLP_CERTIFICATE"
    )]
    NoRoots,
    /// Certificate and key do not work.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The thread that sends cannot be started.
    #[error("cannot start the thread that sends spans")]
    Thread(#[from] std::io::Error),
}

pub(super) fn client_config(config: &Config) -> Result<ClientConfig, Error> {
    let tls = |error: tokio_rustls::rustls::Error| Error::Tls(error.to_string());
    let mut roots = RootCertStore::empty();
    match &config.certificate {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(tls)?;
            }
        }
        // Single broken files among the system's are no reason to give up.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(Error::NoRoots);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_root_certificates(roots);
    let mut client = match (&config.client_certificate, &config.client_key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(chain), Some(key)) => {
            let bytes = fs::read(key).map_err(|error| unreadable(key, &error))?;
            let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| unreadable(key, &error))?;
            builder.with_client_auth_cert(certificates(chain)?, key).map_err(tls)?
        }
        _ => return Err(Error::HalfClient),
    };
    client.alpn_protocols = vec![if config.protocol == Protocol::Grpc { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(client)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|error| unreadable(path, &error))?;
    if certificates.is_empty() {
        return Err(Error::Certificate { path: path.to_owned(), reason: "it holds no certificate".into() });
    }
    Ok(certificates)
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Certificate { path: path.to_owned(), reason: error.to_string() }
}
