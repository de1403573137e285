//! Processes that end with the test, however the test ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

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

/// A port that stays free while nobody listens on it: no other test is given it, and the kernel lends it to nobody as
/// it would one above 32,768. One of those once was the own port of somebody who asked for the Redis that was killed
/// there. The next 10,000 are left to the nodes of a Redis cluster, which talk there with each other.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        // Another run of the tests begins elsewhere.
        let run = std::process::id() % 50 * 200;
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(10_000 + (run + next) % 10_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
