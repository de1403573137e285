//! Tagalong's server: REST, tracker apps, settings, start and stop, around the rooms of `tagalong_realtime` and the
//! database of `tagalong_store`.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`app`] | builds everything from a [`config::Config`], starts it, stops it; `main` and the tests use it alike |
//! | [`config`], [`cli`] | the settings; the command line |
//! | [`sessions`] | the domain calls: each does the store's transaction, then notifies the room |
//! | `write_locks`, [`seen`] | one write of a session at a time; last activity that is not in the database yet |
//! | [`trackers`] | adapters for tracker apps, and their links |
//! | [`http`] | REST, pages, health, metrics, requests that open connections, the accept loop |
//! | [`jobs`], `upkeep` | runs background jobs; the jobs of the server |
//! | [`tokens`], [`keys`], [`admin_token`] | signing and its keys; the operator's token |
//! | [`tls`], [`proxy_header`], [`probe`] | HTTPS; the header of proxies; `tagalong health` |
//! | [`basemap`], [`heap`], [`telemetry`] | the map's source; trims the heap; the log |

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
