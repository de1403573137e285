//! Requests that cost a client nothing do not fill the server's disk.

use tempfile::TempDir;

use crate::serving::Serving;

const REQUESTS: usize = 500;
/// What a line takes at least.
const LINE_BYTES: usize = 100;

#[test]
fn what_is_refused_at_no_cost_leaves_a_line_now_and_then() {
    let home = TempDir::new().unwrap();
    let mut server = Serving::start_with(home.path(), &[("SESSIONS_PER_HOUR", "1"), ("LOG_FORMAT", "json")]);
    assert_eq!(server.ask("POST", "/api/sessions", "", "{}").unwrap().0, 201);
    let method = "X".repeat(1_000);
    for _ in 0..REQUESTS {
        assert_eq!(server.ask(&method, "/api/sessions", "", "").unwrap().0, 405);
        assert_eq!(server.ask("POST", "/api/sessions", "", "{}").unwrap().0, 429);
        assert_eq!(server.ask("GET", "/there/is/no/such/thing", "", "").unwrap().0, 404);
    }
    server.signal("TERM");
    server.ended();
    let log = server.log();
    let bytes = log.len();
    assert!(bytes < REQUESTS * LINE_BYTES / 2, "{bytes} bytes for {REQUESTS} requests of each kind");
    assert!(log.contains("refused"), "nothing tells of them");
    assert!(!log.contains(&method), "a client chooses what stands there");
}
