//! The trace collector: OTLP over HTTP with protobuf, one connection for each batch.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// The address of a collector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collector {
    pub(super) https: bool,
    /// Host and port, as in a URL.
    pub(super) authority: String,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: Uri,
    /// Marked as sensitive, because they usually hold a key.
    pub(super) headers: HeaderMap,
}

/// Why spans were not sent.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    #[error("the trace collector cannot be reached: {0}")]
    Away(#[from] std::io::Error),
    #[error("the trace collector does not answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the trace collector's name: {0}")]
    Name(#[from] InvalidDnsNameError),
    #[error("TLS to the trace collector: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the request to the trace collector: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("the trace collector answers {0}")]
    Refused(StatusCode),
    #[error("the trace collector does not answer in time")]
    Late,
}

impl Unsent {
    /// Whether a retry is useless (OTLP, "Failures": only these four statuses are retryable).
    pub fn is_for_good(&self) -> bool {
        matches!(self, Self::Refused(status) if !matches!(status.as_u16(), 429 | 502 | 503 | 504))
    }
}

impl Collector {
    /// Sends one encoded request.
    pub(super) async fn post(&self, body: Bytes) -> Result<(), Unsent> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        if !self.https {
            return self.ask(tcp, body).await;
        }
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone())?;
        self.ask(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?, body).await
    }

    async fn ask(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        body: Bytes,
    ) -> Result<(), Unsent> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Ends with this call, also if the call is cancelled.
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let mut request = Request::post(self.path.clone())
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(body))?;
        request.headers_mut().extend(self.headers.clone());
        let status = sender.send_request(request).await?.status();
        if status.is_success() { Ok(()) } else { Err(Unsent::Refused(status)) }
    }
}
