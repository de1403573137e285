//! The real binary in a directory of its own, killed when a test is done with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, WebSocket};

/// Nothing on loopback takes this long; a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// The command in a directory, with an environment that holds nothing but what a test gives.
pub(crate) fn tagalong(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagalong"));
    command.args(arguments).current_dir(home).env_clear();
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sends a request to a port of this machine.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    port: u16,
}

pub(crate) struct Serving {
    child: Mutex<Child>,
    client: Client,
    log: Option<JoinHandle<String>>,
}

impl Client {
    pub(crate) fn port(self) -> u16 {
        self.port
    }

    /// Asks over a connection of its own: status and body, or nothing when the server is gone.
    pub(crate) fn ask(self, method: &str, path: &str, token: &str, body: &str) -> Option<(u16, Value)> {
        let (status, _, body) = self.raw(method, path, token, body)?;
        Some((status, serde_json::from_str(&body).unwrap_or_default()))
    }

    /// The same with the head of the answer, and the body as it came.
    pub(crate) fn raw(
        self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> Option<(u16, String, String)> {
        ask_over(TcpStream::connect(("127.0.0.1", self.port)).ok()?, method, path, token, body)
    }

    /// Asks from another address of this machine: the status.
    pub(crate) fn ask_from(self, address: &str, method: &str, path: &str) -> Option<u16> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let from: std::net::SocketAddr = format!("{address}:0").parse().unwrap();
        socket.bind(&from.into()).unwrap();
        let server: std::net::SocketAddr = format!("127.0.0.1:{}", self.port).parse().unwrap();
        socket.connect(&server.into()).ok()?;
        ask_over(socket.into(), method, path, "", "").map(|(status, ..)| status)
    }

    /// A connection that has asked for nothing yet.
    pub(crate) fn connect(self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    pub(crate) fn socket(self, path: &str) -> Result<WebSocket<TcpStream>, tungstenite::Error> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let opened = tungstenite::client(format!("ws://127.0.0.1:{}{path}", self.port), stream);
        opened.map(|(socket, _)| socket).map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => error,
            interrupted => panic!("{interrupted}"),
        })
    }
}

/// Asks over a connection that is open already, and reads until the server closes it.
pub(crate) fn ask_over(
    mut stream: TcpStream,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> Option<(u16, String, String)> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head.to_owned(), body.to_owned()))
}

impl Serving {
    /// Starts it on a free port and waits for the line that says where it is.
    pub(crate) fn start(home: &Path) -> Self {
        Self::start_with(home, &[])
    }

    pub(crate) fn start_with(home: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = tagalong(home, &["serve", "--port", "0", "--bind", "127.0.0.1"]);
        command.envs(environment.iter().copied());
        Self::run(command)
    }

    /// Starts it on a socket that listens already, as a service manager hands it over.
    pub(crate) fn start_on(home: &Path, listener: &TcpListener) -> Self {
        // The protocol wants the socket as file 3 and the process's own id in a variable: a shell can do both.
        let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_tagalong")]).current_dir(home).env_clear();
        command.stdin(OwnedFd::from(listener.try_clone().unwrap()));
        Self::run(command)
    }

    /// Starts it where so few files may be open unless one asks for more.
    pub(crate) fn start_with_files(home: &Path, soft_limit: u32) -> Self {
        let script = "ulimit -Sn \"$1\" && exec \"$0\" serve --port 0 --bind 127.0.0.1";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_tagalong"), &soft_limit.to_string()]);
        command.current_dir(home).env_clear();
        Self::run(command)
    }

    /// Starts it where no more files may be open, whatever one asks for.
    pub(crate) fn start_with_hard_limit(home: &Path, files: u32, environment: &[(&str, &str)]) -> Self {
        let script = "ulimit -n \"$1\" && exec \"$0\" serve --port 0 --bind 127.0.0.1";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_tagalong"), &files.to_string()]);
        command.current_dir(home).env_clear().envs(environment.iter().copied());
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().expect("an address to open");
        Self { child: Mutex::new(child), client: Client { port }, log: Some(log) }
    }

    /// As a power cut would: nothing is finished, nobody is told.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.lock().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// A figure of its memory in KiB, as the kernel has it: `VmRSS` for now, `VmHWM` for the most so far.
    pub(crate) fn memory_kib(&self, figure: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.lock().id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How many files it may have open, and how many it may ask for.
    pub(crate) fn open_files_max(&self) -> (String, String) {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.child.lock().id())).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let mut figures = line.split_whitespace().map(str::to_owned);
        (figures.next().unwrap(), figures.next().unwrap())
    }

    /// Waits until it ends by itself: its exit code.
    pub(crate) fn ended(&self) -> Option<i32> {
        self.child.lock().wait().unwrap().code()
    }

    /// All that it wrote to its log, after it is gone.
    pub(crate) fn log(&mut self) -> String {
        self.log.take().map(|log| log.join().unwrap()).unwrap_or_default()
    }
}

impl Deref for Serving {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}
