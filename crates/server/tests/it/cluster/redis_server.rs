//! Debian's `redis-server`, one for each test, on a port and in a directory of its own.

use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::guarded::{Guarded, free_port};

pub(super) struct RedisServer {
    pub(super) port: u16,
    directory: TempDir,
    running: Option<Guarded>,
}

impl RedisServer {
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(super) async fn start_with(options: &[&str]) -> Self {
        let port = free_port();
        let directory = TempDir::new().unwrap();
        let running = Some(run(port, &directory, options));
        let server = Self { port, directory, running };
        server.answers().await;
        server
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once; what it knew is lost.
    pub(super) fn kill(&mut self) {
        self.signal("-KILL");
        self.running = None;
    }

    /// Starts it again, empty, on the same port.
    pub(super) async fn restart(&mut self) {
        self.running = Some(run(self.port, &self.directory, &[]));
        self.answers().await;
    }

    /// From now on it accepts and never answers.
    pub(super) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(super) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        self.running.as_ref().unwrap().signal(signal);
    }

    async fn answers(&self) {
        super::until("redis-server answers; is Debian's redis-server installed?", async || {
            // One that wants a password answers too.
            self.ask("PING\r\n").await.is_some_and(|answer| answer.starts_with(['+', '-']))
        })
        .await;
    }

    /// The answer to a command without blanks in its arguments.
    pub(super) async fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        stream.write_all(command.as_bytes()).await.ok()?;
        let mut answer = vec![0; 64 * 1024];
        let read = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut answer)).await.ok()?.ok()?;
        Some(String::from_utf8_lossy(&answer[..read]).into_owned())
    }
}

fn run(port: u16, directory: &TempDir, options: &[&str]) -> Guarded {
    let (port, directory) = (port.to_string(), directory.path().to_str().unwrap());
    let usual = ["redis-server", "--bind", "127.0.0.1", "--port", &port, "--dir", directory, "--save", ""];
    Guarded::start(&[&usual, options].concat(), &[])
}
