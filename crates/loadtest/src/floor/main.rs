//! `tagalong-floor`: does what a location server does with as little as it takes.
//!
//! One thread, epoll, no JSON, no tokens, no limits: what comes in is framed again and written to everyone
//! else in the room. What it costs is what the machine asks of any server; ours is measured against it.

mod http;
mod server;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// When a frame is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Mode {
    /// At once: one system call for each delivery.
    Plain,
    /// With everything else that is due to the same connection within 5 ms.
    Batch,
}

/// A bare broadcaster, to measure against. Loopback only.
#[derive(Parser)]
#[command(name = "tagalong-floor", version)]
struct Options {
    /// When a frame is written
    #[arg(long, value_enum, default_value = "plain")]
    mode: Mode,
    /// Port to listen on; 0 for any
    #[arg(long, env = "PORT", default_value_t = 0)]
    port: u16,
}

fn main() -> ExitCode {
    tagalong_loadtest::process::raise_file_limit();
    let options = Options::parse();
    match server::Floor::listen(options.port, options.mode).and_then(server::Floor::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tagalong-floor: {error}");
            ExitCode::FAILURE
        }
    }
}
