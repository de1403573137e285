//! Tests of the rules through the public interface. `allocations` is a binary of its own, because it has its own
//! allocator.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod codec_properties;
mod dismissed;
mod golden;
mod nodes_model;
mod reports;
mod room_model;
