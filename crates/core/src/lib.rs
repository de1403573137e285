//! The rules of Tagalong, without input or output: no sockets, no database, no clock, no randomness.

pub mod channel;
pub mod claims;
pub mod event;
pub mod hlc;
pub mod id;
pub mod json;
pub mod limits;
pub mod pace;
pub mod participant;
pub mod phoenix;
pub mod plain;
pub mod poll_token;
pub mod position;
pub mod presence;
pub mod problem;
pub mod room;
pub mod session;
pub mod share;
mod text;
pub mod time;
pub mod tracker_ids;
