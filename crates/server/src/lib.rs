//! The input and output around `tagalong_core`: settings, database, HTTP, WebSockets.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`app`] | builds everything from a [`config::Config`], starts it, stops it; `main` and the tests use it alike |
//! | [`sessions`] | the domain calls: each does the store's transaction, then tells the room |
//! | [`http`] | REST, health, the accept loop |
//! | [`realtime`] | the two WebSocket doors and the rooms behind them |
//! | [`store`] | what lasts |
//! | [`cluster`] | the way to other nodes |
//! | [`jobs`] | what happens as time passes |
//! | [`settings`], [`config`] | settings as text, and as understood |
//! | [`tokens`], [`clock`], [`entropy`], [`telemetry`] | signing, time, randomness, the log |

pub mod app;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod entropy;
pub mod http;
pub mod jobs;
pub mod realtime;
pub mod sessions;
pub mod settings;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod tokens;
