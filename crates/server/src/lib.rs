//! The input and output around `tagalong_core`: settings, database, HTTP, WebSockets.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`app`] | builds everything from a [`config::Config`], starts it, stops it; `main` and the tests use it alike |
//! | [`sessions`] | the domain calls: each does the store's transaction, then tells the room |
//! | [`http`] | REST, health, the page, the accept loop |
//! | [`realtime`] | the two WebSocket protocols and the rooms behind them |
//! | [`store`] | what lasts |
//! | [`transfer`] | from one database to another |
//! | `write_locks` | one write of a session at a time |
//! | [`seen`] | signs of life on their way there |
//! | [`cluster`] | the way to other nodes |
//! | [`jobs`] | what happens as time passes |
//! | [`metrics`] | what an operator sees from outside |
//! | [`traces`] | what a trace collector is told |
//! | [`warnings`] | what the log is told now and then only |
//! | [`overview`] | the last hour, and what failed last, for the dashboard |
//! | [`config`] | the settings: declared once, read from their sources, parsed |
//! | [`heap`] | trims the heap when many connections have ended |
//! | [`basemap`] | where the page's map comes from |
//! | [`tls`] | TLS of our own |
//! | [`probe`] | asks a running server how it is |
//! | [`rates`] | how much one address may ask for |
//! | [`private_file`] | secrets in files |
//! | [`admin_token`] | what opens the operator's pages |
//! | [`tokens`], [`keys`], [`clock`], [`entropy`], [`telemetry`] | signing and its keys, time, randomness, the log |

pub mod admin_token;
pub mod app;
pub mod basemap;
pub mod cli;
pub mod config;
pub mod heap;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod probe;
pub mod proxy_header;
pub mod seen;
pub mod sessions;
pub mod telemetry;
pub mod tls;
pub mod tokens;
pub mod trackers;
mod upkeep;
mod write_locks;
