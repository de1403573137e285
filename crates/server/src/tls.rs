//! TLS without a proxy. The certificate is read from files, and read again when they change, so that a renewal needs no
//! restart.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The files of the certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// The certificate and those that lead to its root, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A file has no valid content.
    #[error("{0}: {1}")]
    Pem(PathBuf, pem::Error),
    /// The certificate cannot be used, or does not belong to the key.
    #[error("the certificate {0}: {1}")]
    Certificate(PathBuf, rustls::Error),
}

/// The certificate in use.
pub struct Tls {
    files: Files,
    current: Mutex<Current>,
}

struct Current {
    certificate: Vec<u8>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the certificate.
    ///
    /// # Errors
    /// When a file cannot be read or has no valid content.
    pub fn load(files: Files) -> Result<Self, TlsError> {
        let current = Mutex::new(read(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the certificate again. Returns whether it changed. Open connections keep the old one.
    ///
    /// # Errors
    /// As [`Self::load`]; the old one stays in use then.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        let new = read(&self.files)?;
        let mut current = self.current.lock();
        let changed = new.certificate != current.certificate;
        if changed {
            *current = new;
        }
        Ok(changed)
    }

    /// The acceptor with the certificate in use.
    pub fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.lock().config).into()
    }
}

fn read(files: &Files) -> Result<Current, TlsError> {
    let bytes = |path: &PathBuf| std::fs::read(path).map_err(|error| TlsError::File(path.clone(), error));
    let certificate = bytes(&files.certificate)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Pem(files.certificate.clone(), error))?;
    let key = PrivateKeyDer::from_pem_slice(&bytes(&files.key)?)
        .map_err(|error| TlsError::Pem(files.key.clone(), error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| TlsError::Certificate(files.certificate.clone(), error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Current { certificate, config: Arc::new(config) })
}
