//! What an idle joined connection keeps of the server's memory, in the real binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clap::Parser;
use tagalong_loadtest::options::Options;
use tagalong_loadtest::scenario::Stage;

/// Resident bytes for each of 2,000 connections, with what the first of them cost and what their arrival left unused in
/// the allocator.
fn bytes_each(sessions: u32, people: u32) -> f64 {
    tagalong_loadtest::process::raise_file_limit();
    let server = env!("CARGO_BIN_EXE_tagalong");
    let options = Options::parse_from(["tagalong-loadtest", "--no-pin", "--server", server, "idle"]);
    let mut stage = Stage::set(&options, "idle", sessions, people).unwrap();
    stage.arrive("arrival").unwrap();
    let report = stage.report();
    let arrival = &report.arrivals[0];
    assert_eq!(arrival.joined, 2_000);
    arrival.server_bytes_each.unwrap()
}

/// In sessions of 50: 3.9 to 4.8 KB were seen; 17 with buffers for each (docs/PERFORMANCE.md).
const IN_FULL_SESSIONS_MAX: f64 = 7.0 * 1024.0;
/// In sessions of two: 5.5 to 6.1 KB were seen; 18, of 4,000, where everyone who waited for a roster had room to read
/// it.
const IN_SMALL_SESSIONS_MAX: f64 = 9.0 * 1024.0;

#[test]
fn two_thousand_idle_connections_fit_their_budget() {
    let bytes = bytes_each(40, 50);
    assert!(bytes > 0.0 && bytes < IN_FULL_SESSIONS_MAX, "{bytes:.0} bytes for each connection");
}

#[test]
fn so_do_a_thousand_sessions_of_two() {
    let bytes = bytes_each(1_000, 2);
    assert!(bytes > 0.0 && bytes < IN_SMALL_SESSIONS_MAX, "{bytes:.0} bytes for each connection");
}
