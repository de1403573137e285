//! The server as clients see it: `app::start` on a free port, real sockets, a clock that tests move.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod attack;
mod attack_bodies;
mod attack_frames;
mod attack_http;
mod attack_sites;
mod attack_tokens;
mod attack_writes;
mod cluster;
mod cors;
mod described;
mod described_live;
mod flood;
mod forgotten;
mod harness;
mod lifetimes;
mod log;
mod longpoll;
mod metrics;
mod nodes;
mod outage;
mod pages;
mod phoenix;
mod plain;
#[path = "../support/postgres.rs"]
mod postgres;
mod presence;
mod promises;
mod rates;
mod rest;
mod rfc6455;
mod said;
mod schema;
mod tls;
mod traces;
mod tracker_apps;
mod tracker_reports;
mod trackers;
mod watching;
mod wire;
