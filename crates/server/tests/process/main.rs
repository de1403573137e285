//! The binary itself: what only a process of its own can show.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod command;
mod crash;
mod flood;
mod held;
mod moving;
mod privacy;
mod refusals;
mod serving;
mod stop;
