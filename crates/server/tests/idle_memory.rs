//! What an idle joined connection keeps of the server's memory, in the real binary.

use clap::Parser;
use tagalong_loadtest::options::Options;
use tagalong_loadtest::scenario::Stage;

/// Resident bytes for each connection in sessions of 50, with what the first of them costs and what their arrival left
/// unused in the allocator: 4.2 KiB were seen, and 17 with buffers for each (docs/PERFORMANCE.md).
const BYTES_EACH_MAX: f64 = 9.0 * 1024.0;

#[test]
fn two_thousand_idle_connections_fit_their_budget() {
    tagalong_loadtest::process::raise_file_limit();
    let server = env!("CARGO_BIN_EXE_tagalong");
    let options = Options::parse_from(["tagalong-loadtest", "--no-pin", "--server", server, "idle"]);
    let mut stage = Stage::set(&options, "idle", 40, 50).unwrap();
    stage.arrive("arrival").unwrap();
    let report = stage.report();
    let arrival = &report.arrivals[0];
    assert_eq!(arrival.joined, 2_000);
    let bytes = arrival.server_bytes_each.unwrap();
    assert!(bytes > 0.0 && bytes < BYTES_EACH_MAX, "{bytes:.0} bytes for each connection");
}
