//! The live side: two protocols over WebSocket to the same rooms, one of them over long polling too.
//!
//! | file | what it does |
//! | --- | --- |
//! | `hub` | finds, loads, sweeps and retires rooms |
//! | `neighbours` | joins rooms with those of the same sessions on other nodes |
//! | `live` | the parts of the server that a connection uses; serves and logs a connection |
//! | `connection` | one task per connection: reads, takes updates from the room, writes |
//! | `publish` | a position or status in, for both protocols |
//! | `outgoing` | a sink for updates: encodes them into the next write |
//! | `phoenix`, `plain` | what a message means at each protocol |
//! | `transport` | a connection's bytes: over a WebSocket, or by polls |
//! | `socket` | an open WebSocket: reads, writes, and ends it |
//! | `poll_sessions` | the sessions of long polling, between their requests and the connection |
//! | `drain` | closes connections in steps when the server stops |
//! | `close_reason` | why connections end, and the close code of each |
//! | `cluster` | other nodes, over Redis |
//! | `rates`, `open_files` | rate limits of addresses and writers; the limit of open files |
//! | `body_limit`, `stream` | memory for large bodies; the TCP stream of a client |
//!
//! The requests that open a connection are in `http/websocket`.

pub mod body_limit;
mod close_reason;
pub mod cluster;
mod connection;
pub mod drain;
pub mod hub;
mod live;
mod neighbours;
pub mod open_files;
mod outgoing;
mod phoenix;
mod plain;
pub mod poll_sessions;
mod publish;
pub mod rates;
mod socket;
pub mod stream;
mod transport;

pub use connection::Protocol;
pub use live::{Live, Settings};
pub use phoenix::PhoenixProtocol;
pub use poll_sessions::{Gone, Mailbox, PollAnswer};
pub use socket::{Inbound, Socket};
pub use transport::Transport;
