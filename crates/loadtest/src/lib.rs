//! Simulates people who share their location, and measures what the server makes of them.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`options`], [`scenario`] | what is asked for, and how each scenario plays |
//! | [`crowd`] | everyone, in one thread: connects, sends what is due, hears |
//! | [`schedule`], [`track`] | when people send, and how they move |
//! | [`link`], [`protocol`], [`frame`], [`rest`] | a connection, what is said over it, its frames; the REST side |
//! | [`ledger`], [`report`] | what became of each update, and the figures |
//! | [`account`], [`outage`] | the same while servers are broken on purpose, and when they were |
//! | [`cluster`], [`proxy`] | several servers with their database and Redis, and a network to cut |
//! | [`process`], [`clock`] | the server's process and what it costs; time |
//!
//! `tagalong-floor`, in `floor/`, does the same job with as little as it takes: what the machine allows.

pub mod account;
pub mod clock;
pub mod cluster;
pub mod crowd;
pub mod frame;
pub mod ledger;
pub mod link;
pub mod options;
pub mod outage;
pub mod process;
pub mod protocol;
pub mod proxy;
pub mod report;
pub mod rest;
pub mod scenario;
pub mod schedule;
pub mod track;

/// Why a run did not come about: one line for the person who started it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
