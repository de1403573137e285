//! Just enough of an HTTP client: one connection, one request after the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::Failure;

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A connection to the server's REST side.
pub struct Rest {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    line: String,
    body: Vec<u8>,
}

impl Rest {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(host: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(host).map_err(|error| format!("{host}: {error}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self { stream: BufReader::new(stream), host, line: String::new(), body: Vec::new() })
    }

    /// Sends a request and reads the answer: its status, and its body as [`Self::json`] has it then.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is not HTTP.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> Result<u16, Failure> {
        let authorization =
            token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        let status = self.read_line()?.get(9..12).and_then(|status| status.parse().ok()).ok_or("not HTTP")?;
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(status)
    }

    fn read_line(&mut self) -> Result<&str, Failure> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(self.line.trim_end())
    }

    /// The last answer's body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Makes a session: its id.
    ///
    /// # Errors
    /// When it is refused.
    pub fn create(&mut self) -> Result<String, Failure> {
        let status = self.send("POST", "/api/sessions", None, "{}")?;
        self.text(status, "session_id")
    }

    /// Joins a session: the new participant's id and token.
    ///
    /// # Errors
    /// When it is refused.
    pub fn join(&mut self, session: &str, name: &str) -> Result<(String, String), Failure> {
        let body = serde_json::json!({"display_name": name}).to_string();
        let status = self.send("POST", &format!("/api/sessions/{session}/join"), None, &body)?;
        Ok((self.text(status, "user_id")?, self.text(status, "websocket_token")?))
    }

    /// Takes somebody out of a session, with their own token.
    ///
    /// # Errors
    /// When it is refused.
    pub fn leave(&mut self, session: &str, user: &str, token: &str) -> Result<(), Failure> {
        let path = format!("/api/sessions/{session}/participants/{user}");
        match self.send("DELETE", &path, Some(token), "")? {
            200 => Ok(()),
            status => Err(format!("leaving: status {status}").into()),
        }
    }

    fn text(&self, status: u16, key: &str) -> Result<String, Failure> {
        let body = self.json();
        match body[key].as_str() {
            Some(text) if status == 201 => Ok(text.to_owned()),
            _ => Err(format!("status {status}: {}", body["code"]).into()),
        }
    }
}
