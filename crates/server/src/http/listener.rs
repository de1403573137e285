//! The accept loop of every port. axum's own has no header timeout and no connection limit: a hundred clients that send
//! a header byte by byte would hold a hundred connections for ever.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use tagalong_core::limits::{REQUEST_HEAD_BYTES_MAX, REQUEST_HEAD_DEADLINE, REQUEST_HEADERS_MAX};
use tagalong_platform::warnings::Kind;
use tagalong_realtime::rates::{Connected, TooMany};
use tagalong_realtime::stream::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::{self, Peer};
use super::state::Lifecycle;

/// Bytes that the kernel may hold unsent for one connection. The rest waits in the server, so that a slow consumer gets
/// the newest position and not megabytes of old ones.
const UNSENT_IN_KERNEL_BYTES: u32 = 16 * 1024;
const BACKLOG: i32 = 4096;
/// How long to wait when no connection can be accepted, for example because no file is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A connection that was accepted just before a shutdown may send a request for this long: to its client it was
/// accepted, and hyper would close it without an answer because no request is under way.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(2);

/// Listens at an address.
///
/// # Errors
/// When the address is taken or not of this machine.
pub fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Takes a listening socket. Every connection inherits its options.
///
/// # Errors
/// When the socket is not listening.
pub fn adopt(listener: std::net::TcpListener) -> std::io::Result<TcpListener> {
    let socket = Socket::from(listener);
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT_IN_KERNEL_BYTES)?;
    TcpListener::from_std(socket.into())
}

/// The purpose of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// For all clients.
    Public,
    /// Metrics alone, without TLS.
    Metrics,
}

/// Serves until the server stops, then waits for requests under way.
pub async fn serve(port: Port, listener: TcpListener, router: Router, lifecycle: Arc<Lifecycle>) {
    let requests = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = lifecycle.stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => {
                if let Some(counted) = admit(port, peer, &lifecycle) {
                    let stream = Stream::new(tcp, counted, lifecycle.clock.clone());
                    requests.spawn(connection(port, stream, Peer(peer), router.clone(), lifecycle.clone()));
                }
            }
            Err(error) => {
                if let Some(left_out) = lifecycle.warnings.due(Kind::CannotAccept) {
                    tracing::warn!(%error, left_out, "cannot accept a connection");
                }
                lifecycle.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    requests.close();
    requests.wait().await;
}

/// Counts a connection, or rejects it at the limit. Connections of trusted proxies carry many clients and count only in
/// total. A rejected connection is closed at once, which its client notices sooner than silence.
fn admit(port: Port, peer: SocketAddr, lifecycle: &Lifecycle) -> Option<Connected> {
    let address = peer.ip().into();
    let counted = match port {
        Port::Metrics => lifecycle.rates.scrape(address),
        Port::Public if address::is_trusted(peer.ip(), &lifecycle.config.trusted_proxies) => {
            lifecycle.rates.accept(None)
        }
        Port::Public => lifecycle.rates.accept(Some(address)),
    };
    counted.inspect_err(|too_many| warn(port, *too_many, lifecycle)).ok()
}

fn warn(port: Port, too_many: TooMany, lifecycle: &Lifecycle) {
    let (kind, reason) = match too_many {
        TooMany::OfAddress => (Kind::TooManyConnections, "its address has too many"),
        TooMany::InAll => (Kind::NoRoomForConnections, "the limit of open files is reached"),
    };
    if let Some(left_out) = lifecycle.warnings.due(kind) {
        tracing::warn!(?port, left_out, "connection rejected: {reason}");
    }
}

async fn connection(port: Port, stream: Stream, peer: Peer, router: Router, lifecycle: Arc<Lifecycle>) {
    let came = lifecycle.clock.instant();
    let tls = lifecycle.tls.as_ref().filter(|_| port == Port::Public);
    let Some(tls) = tls else { return speak(stream, peer, came, router, &lifecycle).await };
    // The TLS handshake has the deadline of a request head.
    let encrypted = tokio::select! {
        encrypted = tls.acceptor().accept(stream) => encrypted,
        () = lifecycle.clock.sleep(REQUEST_HEAD_DEADLINE) => return,
        () = too_late_to_ask(&lifecycle, came) => return,
    };
    if let Ok(stream) = encrypted {
        speak(stream, peer, came, router, &lifecycle).await;
    }
}

async fn speak<S>(stream: S, peer: Peer, came: Instant, router: Router, lifecycle: &Lifecycle)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let asked = CancellationToken::new();
    let first = asked.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        first.cancel();
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(lifecycle.clock.clone())
        .header_read_timeout(REQUEST_HEAD_DEADLINE)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .max_headers(REQUEST_HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let over = async {
        lifecycle.stopping.cancelled().await;
        tokio::select! {
            () = asked.cancelled() => {}
            () = too_late_to_ask(lifecycle, came) => {}
        }
    };
    // The library itself answers a client that violates HTTP.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = over => {
            connection.as_mut().graceful_shutdown();
            _ = connection.await;
        }
    }
}

/// Waits until the server stops and a connection accepted at `came` has had its time for a first request.
async fn too_late_to_ask(lifecycle: &Lifecycle, came: Instant) {
    lifecycle.stopping.cancelled().await;
    lifecycle.clock.sleep_until(came + FIRST_REQUEST_GRACE).await;
}
