//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::Failure;
use crate::protocol::Protocol;

/// Simulates people who share their location, and measures what the server makes of them.
///
/// The schedule is open-loop: people send when their time has come, whether the server keeps up or not, and
/// a latency counts from the moment an update was due. Exit code 1 says that something was lost.
#[derive(Parser, Debug)]
#[command(name = "tagalong-loadtest", version)]
pub struct Options {
    /// What is played.
    #[command(subcommand)]
    pub scenario: Scenario,
    /// The server to measure.
    #[command(flatten)]
    pub target: Target,
    /// Who plays.
    #[command(flatten)]
    pub group: Group,
    /// Write the report as JSON to this file too
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Which server.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// Start this server program for the run, with its data in a temporary directory and rate limits off
    #[arg(long, global = true, value_name = "PATH")]
    pub server: Option<PathBuf>,
    /// Arguments for that program
    #[arg(long, global = true, value_name = "ARGS", allow_hyphen_values = true, default_value = "")]
    pub server_args: String,
    /// Use a server that runs already, such as http://127.0.0.1:4000 (turn its rate limits off)
    #[arg(long, global = true, value_name = "URL", conflicts_with = "server")]
    pub url: Option<String>,
    /// Process id of that server, to see what it costs
    #[arg(long, global = true, requires = "url")]
    pub pid: Option<u32>,
    /// Allow a server on another machine: only with its operator's consent
    #[arg(long, global = true)]
    pub allow_remote: bool,
    /// Let the kernel choose processors, instead of 0 for the server and 1 for the generator
    #[arg(long, global = true)]
    pub no_pin: bool,
}

/// How many people, and how often they move. What is left out is the scenario's own choice.
#[derive(Args, Clone, Debug)]
pub struct Group {
    /// Sessions
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub sessions: Option<u32>,
    /// People in each session
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub people: Option<u32>,
    /// Milliseconds between two updates of one person
    #[arg(long, global = true, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub every_ms: Option<u64>,
    /// Seconds of a measuring window
    #[arg(long, global = true)]
    pub seconds: Option<u64>,
    /// Protocols, taken in turn
    #[arg(long, global = true, value_delimiter = ',', default_value = "v2")]
    pub protocol: Vec<Protocol>,
}

/// What is played.
#[derive(Subcommand, Clone, Debug)]
pub enum Scenario {
    /// People who move, at a steady rate
    Normal,
    /// The highest rate that is held: nothing missing, next to nothing superseded, and p99 below a limit
    Flood {
        /// The limit
        #[arg(long, value_name = "MS", default_value_t = 100)]
        p99_ms: u64,
    },
    /// Many joined connections that only send heartbeats
    Idle,
    /// Everyone connects at once, and comes back at once after a cut and after a restart
    Storm,
    /// A share of the people stops reading
    Slow {
        /// The share, in percent
        #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..100))]
        percent: u8,
    },
    /// People who come, go, and lose their connection
    Churn {
        /// Comings and goings per second, over all sessions
        #[arg(long, default_value_t = 20)]
        per_second: u32,
    },
    /// REST: sessions made, and people joined, over connections that ask one thing after the other
    Rest {
        /// Connections
        #[arg(long, default_value_t = 32)]
        connections: usize,
    },
    /// One creator's token floods the server with changes of one session, beside others who make sessions and join
    Writes {
        /// Connections of the flood
        #[arg(long, default_value_t = 1_000)]
        connections: usize,
    },
    /// A dozen named people on real-looking tracks, for trying a map; until Ctrl-C, or for --seconds
    Demo {
        /// Join link or id of their session; without it, a new one
        #[arg(long)]
        session: Option<String>,
        /// Latitude of the place
        #[arg(long, default_value_t = 52.5145, allow_hyphen_values = true)]
        lat: f64,
        /// Longitude of the place
        #[arg(long, default_value_t = 13.3501, allow_hyphen_values = true)]
        lng: f64,
    },
    /// The same load on one node, on two, and so on, with a database and a Redis between them
    Nodes {
        /// How many at most
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..10))]
        most: u8,
    },
    /// Three servers with a database and a Redis of their own, and something of it broken again and again
    Soak {
        /// Seconds between two faults
        #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(4..))]
        fault_every: u64,
    },
    /// The same load on the bare floor and on the server, in turn; medians and ratios
    Peers {
        /// The floor's program
        #[arg(long, value_name = "PATH")]
        floor: PathBuf,
        /// How often each is measured
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
}

impl Group {
    /// Sessions and people, or what the scenario has chosen.
    pub fn size(&self, sessions: u32, people: u32) -> (u32, u32) {
        (self.sessions.unwrap_or(sessions), self.people.unwrap_or(people))
    }

    /// The interval, or what the scenario has chosen, in milliseconds.
    pub fn interval(&self, millis: u64) -> Duration {
        Duration::from_millis(self.every_ms.unwrap_or(millis))
    }

    /// The window, or what the scenario has chosen, in seconds.
    pub fn window(&self, seconds: u64) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(seconds))
    }
}

/// The address of a URL, on this machine unless another one is allowed.
///
/// # Errors
/// When it is no `http:` URL, is not known, or lies elsewhere.
pub fn address(url: &str, allow_remote: bool) -> Result<SocketAddr, Failure> {
    let host = url.strip_prefix("http://").ok_or("the address must begin with http://")?;
    let host = host.split('/').next().unwrap_or(host);
    let with_port = if host.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut found = with_port.to_socket_addrs()?;
    // A server that listens on IPv4 alone is found behind "localhost" too.
    let address = found.find(SocketAddr::is_ipv4).or_else(|| with_port.to_socket_addrs().ok()?.next());
    let address = address.ok_or("the address is not known")?;
    if !address.ip().is_loopback() && !allow_remote {
        return Err("that is another machine: ask its operator, then say --allow-remote".into());
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Options::command().debug_assert();
    }

    #[test]
    fn only_this_machine_unless_allowed() {
        assert_eq!(address("http://127.0.0.1:4000/x", false).unwrap().to_string(), "127.0.0.1:4000");
        assert!(address("http://localhost", false).unwrap().ip().is_loopback());
        assert!(address("http://192.0.2.1:4000", false).is_err());
        assert_eq!(address("http://192.0.2.1:4000", true).unwrap().to_string(), "192.0.2.1:4000");
        assert!(address("https://127.0.0.1", true).is_err());
    }
}
