//! Processes that end with the test, however the test ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Starts what follows, says its process id, and kills it when nobody holds the other end of the input any
/// more: also when the test died without a chance to clean up.
const GUARD: &str = r#""$@" >/dev/null 2>&1 & echo $!; read -r _; kill -9 $! 2>/dev/null; wait"#;

pub(super) struct Guarded {
    guard: Child,
    /// Closed, it ends the guard.
    input: Option<ChildStdin>,
    pid: String,
}

impl Guarded {
    pub(super) fn start(command: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .args(command)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = guard.stdin.take();
        let mut pid = String::new();
        BufReader::new(guard.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        Self { guard, input, pid: pid.trim().to_owned() }
    }

    pub(super) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.pid]).status().unwrap().success());
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.input = None;
        _ = self.guard.wait();
    }
}

pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
