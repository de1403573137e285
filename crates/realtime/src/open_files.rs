//! Open files: each connection is one.

use std::os::fd::AsFd;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tagalong_core::limits::FILES_RESERVED;

/// How many the kernel's table has places for from the beginning; it grows beyond. 8 bytes of the kernel's memory each.
const PLACES: u64 = 16_384;

/// How many connections of clients the limit of open files leaves room for. With less room than for these, half of the
/// files are for clients.
pub fn for_connections() -> u32 {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    limit.saturating_sub(FILES_RESERVED).max(limit / 2)
}

/// Makes room for many. To be called before there are threads.
///
/// The limit is raised from the soft one to the hard one: the soft one is often 1,024, for the sake of programs that
/// use `select(2)`, which knows no more. We use `epoll(7)`.
///
/// And the kernel's table gets its size at once. It doubles as files are opened, and where threads share it each time
/// waits for all processors to have noticed. 5,000 people who came to a fresh server at once were all in after 330 ms
/// instead of 380.
pub fn make_room() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // What is refused is no reason not to serve those who fit.
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let last = now.unwrap_or(PLACES).min(PLACES).saturating_sub(1);
    if let Ok(last) = i32::try_from(last) {
        // Closed at once: a table does not shrink.
        let _ = fcntl_dupfd_cloexec(std::io::stderr().as_fd(), last);
    }
}
