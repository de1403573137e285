//! The input and output around `tagalong_core`: settings, database, HTTP, WebSockets.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`app`] | builds, starts and stops a server from a [`config::Config`], for `main` and for tests |
//! | [`sessions`] | the domain calls: each runs the store's transaction, then notifies the room |
//! | [`http`] | REST, health, the page, the accept loop |
//! | [`realtime`] | the two WebSocket protocols and the rooms behind them |
//! | [`store`] | the database |
//! | [`transfer`] | export and import between databases |
//! | `write_locks` | one write of a session at a time |
//! | [`seen`] | times of last activity that are not in the database yet |
//! | [`cluster`] | the bus between nodes |
//! | [`jobs`] | the runner of background jobs |
//! | [`metrics`] | metrics for the operator |
//! | [`traces`] | spans for a trace collector |
//! | [`warnings`] | suppression of repeated warnings |
//! | [`overview`] | the last hour and the last failures, for the dashboard |
//! | [`config`] | the settings: declared once, read from their sources, parsed |
//! | [`heap`] | trims the heap when many connections have ended |
//! | [`basemap`] | the source of the page's map |
//! | [`tls`] | TLS without a proxy |
//! | [`probe`] | asks a running server for its health |
//! | [`rates`] | rate limits by address and participant |
//! | [`private_file`] | secrets in files |
//! | [`admin_token`] | the token for the operator's pages |
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
