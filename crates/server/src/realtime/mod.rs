//! The live side: two protocols over WebSocket to the same rooms, one of them over long polling too.
//!
//! | file | what it does |
//! | --- | --- |
//! | `hub` | finds, loads, sweeps and retires rooms |
//! | `neighbours` | joins rooms with those of the same sessions on other nodes |
//! | `upgrade` | lets a request in, or refuses it cheaply |
//! | `handshake` | what a request must have to become a WebSocket |
//! | `connection` | one task per connection: reads, takes updates from the room, writes |
//! | `outgoing` | a sink for updates: encodes them into the next write |
//! | `phoenix`, `plain` | what a message means at each protocol |
//! | `credentials` | what a client shows to be let in |
//! | `transport` | a connection's bytes: over a WebSocket, or by polls |
//! | `socket` | an open WebSocket: reads, writes, and ends it |
//! | `longpoll` | what the requests of long polling ask, and their answers |
//! | `poll_token` | the token that names a session of long polling |
//! | `poll_sessions` | the sessions of long polling, between their requests and the connection |
//! | `drain` | closes connections in steps when the server stops |
//! | `close_reason` | why connections end, and the close code of each |

pub mod close_reason;
pub mod connection;
mod credentials;
pub mod drain;
mod handshake;
pub mod hub;
pub mod longpoll;
mod neighbours;
mod outgoing;
mod phoenix;
mod plain;
pub mod poll_sessions;
mod poll_token;
mod socket;
mod transport;
pub mod upgrade;
