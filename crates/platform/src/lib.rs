//! What the server takes from its surroundings, injected: time, randomness, secrets in files; and what it tells the
//! operator: metrics, traces, the last hour, warnings.

pub mod clock;
pub mod entropy;
pub mod metrics;
pub mod overview;
pub mod private_file;
pub mod traces;
pub mod warnings;
