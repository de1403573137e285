//! The live side: two protocols over WebSocket to the same rooms, one of them over long polling too.
//!
//! | file | what it does |
//! | --- | --- |
//! | `hub` | finds, loads, sweeps and retires rooms |
//! | `neighbours` | joins rooms with those of the same sessions on other nodes |
//! | `live` | the parts of the server that a connection uses; serves and logs a connection |
//! | `connection` | one task per connection: reads, takes updates from the room, writes |
//! | `outgoing` | a sink for updates: encodes them into the next write |
//! | `phoenix`, `plain` | what a message means at each protocol |
//! | `transport` | a connection's bytes: over a WebSocket, or by polls |
//! | `socket` | an open WebSocket: reads, writes, and ends it |
//! | `poll_token` | the token that names a session of long polling |
//! | `poll_sessions` | the sessions of long polling, between their requests and the connection |
//! | `drain` | closes connections in steps when the server stops |
//! | `close_reason` | why connections end, and the close code of each |
//!
//! The requests that open a connection are in `http/websocket`.

mod close_reason;
mod connection;
pub mod drain;
pub mod hub;
mod live;
mod neighbours;
mod outgoing;
mod phoenix;
mod plain;
pub mod poll_sessions;
mod poll_token;
mod publish;
mod socket;
mod transport;

pub(crate) use connection::Protocol;
pub use live::Live;
pub(crate) use phoenix::PhoenixProtocol;
pub(crate) use poll_sessions::{Gone, Mailbox, PollAnswer};
pub(crate) use poll_token::PollToken;
pub(crate) use socket::{Inbound, Socket};
pub(crate) use transport::Transport;
