//! The rules from outside. What counts allocations is a binary of its own: it has an allocator of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod codec_properties;
mod dismissed;
mod golden;
mod nodes_model;
mod reports;
mod room_model;
mod websocket;
