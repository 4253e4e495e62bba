//! TLS: whom the exporter trusts, and what it presents.

mod collector;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use collector::{Answer, Collector, ids, numbers, spans};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use renacer_otlp::{Config, Error, Exporter, Finished, Overrides};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

/// An authority of the test's own.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for this name, and its key.
fn certificate(name: &str, authority: &CertifiedIssuer<'_, KeyPair>) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    (certificate, key)
}

/// A server with a certificate for this name; asks clients for one of `clients` if there is such an authority.
fn server(name: &str, own: &CertifiedIssuer<'_, KeyPair>, clients: Option<&CertifiedIssuer<'_, KeyPair>>) -> Collector {
    let (certificate, key) = certificate(name, own);
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Collector::with(Vec::new(), Answer::Accept, Some(config))
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

struct Setup {
    folder: TempDir,
    overrides: Overrides,
}

impl Setup {
    fn new(collector: &Collector, protocol: &str) -> Self {
        let endpoint = format!("https://localhost:{}", collector.address.port());
        let overrides = Overrides { endpoint: Some(endpoint), protocol: Some(protocol.into()), ..Overrides::default() };
        Setup { folder: tempfile::tempdir().unwrap(), overrides }
    }

    fn trusting(mut self, authority: &CertifiedIssuer<'_, KeyPair>) -> Self {
        self.overrides.certificate = Some(write(self.folder.path(), "authority.pem", &authority.pem()));
        self
    }

    fn presenting(mut self, authority: &CertifiedIssuer<'_, KeyPair>) -> Self {
        let (certificate, key) = certificate("renacer", authority);
        self.overrides.client_certificate = Some(write(self.folder.path(), "own.pem", &certificate.pem()));
        self.overrides.client_key = Some(write(self.folder.path(), "key.pem", &key.serialize_pem()));
        self
    }

    fn config(&self) -> Config {
        Config::from_environment(&|_| None, &self.overrides).unwrap().0.unwrap()
    }

    fn export(&self) -> Finished {
        let mut exporter = Exporter::start(self.config()).unwrap();
        exporter.push(spans(0..100));
        exporter.finish(Duration::from_secs(30))
    }
}

#[test]
fn an_authority_of_ones_own_is_trusted_and_certificates_are_presented() {
    let (authority, clients) = (authority("one"), authority("two"));
    for protocol in ["grpc", "http/protobuf", "http/json"] {
        let collector = server("localhost", &authority, None);
        let finished = Setup::new(&collector, protocol).trusting(&authority).export();
        assert_eq!(finished.counts.delivered, 100, "{protocol}: {finished:?}");
        assert_eq!(collector.taken(), numbers(100));
        assert_eq!(collector.received()[0].http2, protocol == "grpc");

        let collector = server("localhost", &authority, Some(&clients));
        let finished = Setup::new(&collector, protocol).trusting(&authority).presenting(&clients).export();
        assert_eq!(finished.counts.delivered, 100, "{protocol}: {finished:?}");
        assert_eq!(collector.taken(), numbers(100));
    }
}

#[test]
fn spans_come_back_where_trust_is_missing() {
    let (authority, other) = (authority("one"), authority("two"));
    let server_of = |name: &str, clients| server(name, &authority, clients);
    let (strange, misnamed, strict) =
        (server_of("localhost", None), server_of("elsewhere", None), server_of("localhost", Some(&authority)));
    let cases = [
        ("another authority", &strange, Setup::new(&strange, "grpc").trusting(&other), "UnknownIssuer"),
        ("another name", &misnamed, Setup::new(&misnamed, "http/protobuf").trusting(&authority), "not valid for name"),
        ("no certificate", &strict, Setup::new(&strict, "http/protobuf").trusting(&authority), "CertificateRequired"),
        (
            "a certificate of another authority",
            &strict,
            Setup::new(&strict, "http/protobuf").trusting(&authority).presenting(&other),
            "alert",
        ),
    ];
    for (case, collector, setup, words) in cases {
        let finished = setup.export();
        assert_eq!(finished.counts.handed_back, 100, "{case}: {finished:?}");
        assert_eq!(ids(&finished.undelivered), numbers(100), "{case}");
        assert_eq!(finished.warnings.len(), 1, "{case}: {:?}", finished.warnings);
        assert!(finished.warnings[0].contains(words), "{case}: {:?}", finished.warnings);
        assert_eq!(collector.taken(), numbers(0), "{case}");
    }
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let authority = authority("one");
    let collector = server("localhost", &authority, None);
    let start = |setup: &Setup| Exporter::start(setup.config()).err();

    let mut setup = Setup::new(&collector, "grpc");
    setup.overrides.certificate = Some(setup.folder.path().join("missing.pem"));
    assert!(matches!(start(&setup), Some(Error::Certificate { path, .. }) if path.ends_with("missing.pem")));

    setup.overrides.certificate = Some(write(setup.folder.path(), "empty.pem", "nothing here\n"));
    assert!(matches!(start(&setup), Some(Error::Certificate { path, .. }) if path.ends_with("empty.pem")));

    let mut setup = Setup::new(&collector, "grpc").trusting(&authority).presenting(&authority);
    setup.overrides.client_key = Some(write(setup.folder.path(), "bad.pem", "-----BEGIN PRIVATE KEY-----\n!\n"));
    assert!(matches!(start(&setup), Some(Error::Certificate { path, .. }) if path.ends_with("bad.pem")));

    setup.overrides.client_key = None;
    assert!(matches!(start(&setup), Some(Error::HalfClient)));
}
