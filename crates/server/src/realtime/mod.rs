//! The live side: two protocols to the same rooms, by WebSocket and, for the Phoenix one, by long polling.
//!
//! | file | what it does |
//! | --- | --- |
//! | `hub` | finds, loads and gives up rooms |
//! | `neighbours` | joins rooms with those of the same sessions on other nodes |
//! | `upgrade` | lets a request in, or refuses it cheaply |
//! | `handshake` | what a request must have to become a WebSocket |
//! | `connection` | one task per connection: reads, takes from the room, writes |
//! | `outgoing` | what a connection takes from its room, on its way to the next write |
//! | `phoenix`, `plain` | what a message means at each protocol |
//! | `credentials` | what a client shows to be let in |
//! | `line` | what carries a connection: a WebSocket, or polls |
//! | `socket` | an open WebSocket: reads, writes, and ends it |
//! | `longpoll` | what the requests of long polling ask, and their answers |
//! | `poll_token` | the token that names a session of long polling |
//! | `polls` | the sessions of long polling: what lies between requests and connection |
//! | `waves` | how connections are let go when the server stops |
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
