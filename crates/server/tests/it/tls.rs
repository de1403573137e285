//! HTTPS without a proxy: both protocols and REST, and a certificate that changes while the server runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tagalong::tls::Files;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::Server;

fn files(directory: &Path) -> Files {
    Files { certificate: directory.join("cert.pem"), key: directory.join("key.pem") }
}

/// Makes a certificate for localhost and puts it where the server looks.
fn renew(directory: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = files(directory);
    std::fs::write(files.key, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(files.certificate, made.cert.pem()).unwrap();
    made.cert.der().clone()
}

/// A client that knows one certificate and no other.
async fn connect(server: &Server, known: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(known.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect("localhost".try_into().unwrap(), server.raw().await).await
}

async fn ask(mut stream: TlsStream<TcpStream>, method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn start() -> (Server, CertificateDer<'static>) {
    let directory = tempfile::tempdir().unwrap();
    let certificate = renew(directory.path());
    let files = files(directory.path());
    let server = Server::start_in(directory, |config| config.tls = Some(files)).await;
    (server, certificate)
}

#[tokio::test]
async fn rest_and_sockets_are_served_over_tls() {
    let (server, certificate) = start().await;
    let made = ask(connect(&server, &certificate).await.unwrap(), "POST", "/api/sessions", "{}").await;
    assert!(made.starts_with("HTTP/1.1 201") && made.contains("https://localhost/join/"), "{made}");
    assert!(made.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{made}");
    let body: serde_json::Value = serde_json::from_str(made.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let join = format!("/api/sessions/{}/join", body["session_id"].as_str().unwrap());
    let stream = connect(&server, &certificate).await.unwrap();
    let joined = ask(stream, "POST", &join, r#"{"display_name":"Ada"}"#).await;
    assert!(joined.contains("wss://localhost/socket/websocket"), "{joined}");
    let joined: serde_json::Value = serde_json::from_str(joined.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let url = format!("wss://localhost/ws?token={}", joined["websocket_token"].as_str().unwrap());
    let stream = connect(&server, &certificate).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let first = socket.next().await.unwrap().unwrap();
    assert!(first.into_text().unwrap().contains("initial_participants"));
    // Far more than is read before the goodbye.
    socket.send(Message::text("x".repeat(1 << 20))).await.unwrap();
    let code = loop {
        if let Message::Close(goodbye) = socket.next().await.unwrap().unwrap() {
            break goodbye.unwrap().code;
        }
    };
    assert_eq!(code, CloseCode::Size);
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let (server, old) = start().await;
    let files = files(server.directory.path());
    let key = std::fs::read(&files.key).unwrap();
    std::fs::write(&files.key, "no key").unwrap();
    for _ in 0..3 {
        server.clock.advance(Duration::from_secs(61));
        assert!(connect(&server, &old).await.is_ok());
    }
    std::fs::write(&files.key, key).unwrap();
    let new = renew(server.directory.path());
    let renewed = tokio::time::timeout(Duration::from_secs(10), async {
        while connect(&server, &new).await.is_err() {
            server.clock.advance(Duration::from_secs(61));
        }
    });
    assert!(renewed.await.is_ok(), "the new certificate is not used");
    assert!(connect(&server, &old).await.is_err());
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_or_says_nothing_is_let_go() {
    let (server, _) = start().await;
    let mut plain = server.raw().await;
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    let mut silent = server.raw().await;
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            server.clock.advance(Duration::from_secs(11));
            tokio::select! {
                read = silent.read_to_end(&mut answer) => break read,
                // Another handshake: time for the server to have seen this one.
                _ = server.raw() => tokio::task::yield_now().await,
            }
        }
    });
    assert!(ended.await.is_ok(), "it may hold its connection for ever");
}

#[tokio::test]
async fn a_start_without_a_certificate_that_works_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let files = files(directory.path());
    for (certificate, key) in [(None, None), (Some("no certificate"), Some("no key"))] {
        for (path, content) in [(&files.certificate, certificate), (&files.key, key)] {
            if let Some(content) = content {
                std::fs::write(path, content).unwrap();
            }
        }
        assert!(tagalong::tls::Tls::load(files.clone()).is_err());
    }
    renew(directory.path());
    let certificate = std::fs::read(&files.certificate).unwrap();
    renew(directory.path());
    std::fs::write(&files.certificate, certificate).unwrap();
    assert!(tagalong::tls::Tls::load(files).is_err(), "a certificate and the key of another one");
}
