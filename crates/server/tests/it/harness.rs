//! A server of its own for each test, a REST client, and a WebSocket client that keeps what it hears.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tagalong::app::{self, Running};
use tagalong::config::{self, Config, Raw};
use tagalong_core::time::Timestamp;
use tagalong_platform::clock::{Clock, ManualClock};
use tagalong_store::Database;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::described;
use crate::described_live::{self, Protocol};

/// Nothing on loopback takes this long; a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// A server in this process.
pub(crate) struct Server {
    at: At,
    pub(crate) running: Running,
    pub(crate) clock: ManualClock,
    pub(crate) directory: TempDir,
}

impl std::ops::Deref for Server {
    type Target = At;

    fn deref(&self) -> &At {
        &self.at
    }
}

/// Where a server is: what clients can do with it.
pub(crate) struct At {
    pub(crate) address: SocketAddr,
}

pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) creator: String,
}

pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) bytes: bytes::Bytes,
}

impl Fetched {
    /// What a header says; nothing if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or("-"))
    }
}

/// Opens the operator's pages of every test's server.
pub(crate) const ADMIN_TOKEN: &str = "an operator's token that nobody guesses";

pub(crate) fn config(directory: &TempDir) -> Config {
    let mut raw = Raw::default();
    raw.set_flag(&config::ADMIN_TOKEN.setting, ADMIN_TOKEN.to_owned());
    let mut config = Config::parse(&raw).unwrap();
    config.bind = "127.0.0.1".parse().unwrap();
    config.port = 0;
    config.data_dir = directory.path().to_owned();
    config.database = Database::Sqlite(directory.path().join("tagalong.db"));
    config.rate_limits = false;
    config
}

/// What nodes on a PostgreSQL database have in common: also the key that they sign with.
fn shared_config(url: &str) -> impl FnOnce(&mut Config) + use<> {
    let mut settings = Raw::default();
    let key = "a key that all nodes of a test have in common";
    settings.set_flag(&config::DATABASE_URL.setting, url.to_owned());
    settings.set_flag(&config::JWT_SECRET.setting, key.to_owned());
    let parsed = Config::parse(&settings).unwrap();
    |config| {
        config.database = parsed.database;
        config.jwt_secret = parsed.jwt_secret;
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(TempDir::new().unwrap(), change).await
    }

    pub(crate) async fn start_in(directory: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&directory);
        change(&mut config);
        let (clock, hand) = Clock::manual(Timestamp::parse("2026-11-24T12:00:00Z").unwrap());
        Self::of(app::start(config, clock).await.unwrap(), hand, directory)
    }

    /// A node on a PostgreSQL database. All nodes sign with the same key.
    pub(crate) async fn on(url: &str) -> Self {
        Self::on_with(url, |_| {}).await
    }

    pub(crate) async fn on_with(url: &str, change: impl FnOnce(&mut Config)) -> Self {
        let with_url = shared_config(url);
        Self::start_with(|config| {
            with_url(config);
            change(config);
        })
        .await
    }

    /// The same by the system's time: for how long somebody really waits for the database.
    pub(crate) async fn on_by_system_time(url: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let mut config = config(&directory);
        shared_config(url)(&mut config);
        Self::start_node(config, directory).await
    }

    /// One of several nodes: by the system's time, which the tests cannot move for all of them alike.
    pub(crate) async fn start_node(config: Config, directory: TempDir) -> Self {
        let (_, hand) = Clock::manual(Timestamp::from_millis(0));
        Self::of(app::start(config, Clock::system()).await.unwrap(), hand, directory)
    }

    fn of(running: Running, clock: ManualClock, directory: TempDir) -> Self {
        Self { at: At { address: running.address }, running, clock, directory }
    }
}

impl At {
    pub(crate) async fn raw(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Any request; the body as it came.
    pub(crate) async fn fetch(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Fetched {
        let stream = TokioIo::new(self.raw().await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(bytes::Bytes::from(body.into()))).unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Fetched { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    /// A REST request. Its answer must be as the server's description says.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: impl Into<String>,
    ) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let Fetched { status, headers, bytes } = self.fetch(method, path, &headers, body).await;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        described::check(method, path, status, &body);
        Answer { status, headers, body }
    }

    pub(crate) async fn session(&self) -> Session {
        let made = self.request("POST", "/api/sessions", None, r#"{"expires_in_minutes":60}"#).await;
        let text = |key: &str| made.body[key].as_str().unwrap().to_owned();
        Session { id: text("session_id"), creator: text("creator_token") }
    }

    /// A new participant: their id and token.
    pub(crate) async fn join(&self, session: &Session, name: &str) -> (String, String) {
        let path = format!("/api/sessions/{}/join", session.id);
        let joined = self.request("POST", &path, None, json!({"display_name": name}).to_string()).await;
        assert_eq!(joined.status, 201, "{}", joined.body);
        let text = |key: &str| joined.body[key].as_str().unwrap().to_owned();
        (text("user_id"), text("websocket_token"))
    }

    /// The HTTP status of an upgrade that is refused, or the open socket.
    pub(crate) async fn open(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, response)) => {
                let chosen = response.headers().get("sec-websocket-protocol");
                let subprotocol = chosen.map(|value| value.to_str().unwrap().to_owned());
                Ok(Client { socket, subprotocol, protocol: Protocol::at(path), hears_presence: false })
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn phoenix(&self, token: &str) -> Client {
        self.open(&format!("/socket/websocket?token={token}&vsn=2.0.0"), &[]).await.unwrap()
    }

    /// A connection that has joined, with what it was first told taken.
    pub(crate) async fn joined(&self, session: &Session, token: &str) -> Client {
        let mut client = self.phoenix(token).await;
        client.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id)).await;
        for event in ["phx_reply", "initial_participants", "initial_locations"] {
            assert_eq!(client.heard().await[3], event);
        }
        client
    }

    pub(crate) async fn plain(&self, token: &str) -> Client {
        let mut client = self.open(&format!("/ws?token={token}"), &[]).await.unwrap();
        for event in ["initial_participants", "initial_locations"] {
            assert_eq!(client.heard().await["type"], event);
        }
        client
    }
}

/// What the names of its events begin with.
const PRESENCE: &str = "\"presence_";

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) subprotocol: Option<String>,
    protocol: Protocol,
    /// Whether it cares who is connected: few tests do, and all would have to listen.
    pub(crate) hears_presence: bool,
}

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    async fn next(&mut self) -> Option<Result<Message, Error>> {
        loop {
            let next = tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("nothing came");
            match &next {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(text))) if !self.hears_presence && text.contains(PRESENCE) => {}
                _ => return next,
            }
        }
    }

    /// The next text frame, as it came. It must be as the server's description says.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Some(Ok(Message::Text(text))) => {
                described_live::check(self.protocol, &serde_json::from_str(&text).unwrap());
                text.to_string()
            }
            other => panic!("no text but {other:?}"),
        }
    }

    /// The next text frame, as JSON.
    pub(crate) async fn heard(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The code with which the server closes.
    pub(crate) async fn closed(&mut self) -> u16 {
        match self.next().await {
            Some(Ok(Message::Close(Some(frame)))) => match frame.code {
                CloseCode::Library(code) => code,
                code => code.into(),
            },
            other => panic!("no close but {other:?}"),
        }
    }

    /// Closes the connection: when this returns, its subscription is given up.
    pub(crate) async fn leave(&mut self) {
        self.socket.close(None).await.unwrap();
        while self.next().await.is_some_and(|next| next.is_ok()) {}
    }

    /// Says that nothing came before: a heartbeat's answer is the next thing.
    pub(crate) async fn silent(&mut self) {
        self.send(r#"[null,"hb","phoenix","heartbeat",{}]"#).await;
        assert_eq!(self.text().await, r#"[null,"hb","phoenix","phx_reply",{"response":{},"status":"ok"}]"#);
    }
}
