//! What the operating system knows of this process. Linux alone; elsewhere there is nothing to tell.

use std::path::Path;

/// Ticks of the processor's time in `/proc`: what the kernel tells programs is in these, whatever it counts in
/// itself (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// This process, as of now.
#[derive(Clone, Copy, Default, Debug)]
pub struct Process {
    /// Memory that is really held, in bytes.
    pub resident_bytes: u64,
    /// Open files and sockets.
    pub open_files: u64,
    /// How many there may be.
    pub open_files_max: u64,
    /// Threads.
    pub threads: u64,
    /// Time on a processor, in seconds.
    pub cpu_seconds: f64,
}

impl Process {
    /// Reads it all from `/proc`: about a millisecond for each thousand open files.
    pub fn read() -> Self {
        Self::read_below(Path::new("/proc/self")).unwrap_or_default()
    }

    fn read_below(proc: &Path) -> Option<Self> {
        let read = |name| std::fs::read_to_string(proc.join(name)).ok();
        let status = read("status")?;
        let limits = read("limits")?;
        let stat = read("stat")?;
        // The name stands in brackets and may hold anything; fields 14 and 15 are counted from after it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3).and_then(|ticks| ticks.parse::<f64>().ok());
        let open = std::fs::read_dir(proc.join("fd")).ok()?.count();
        Some(Self {
            resident_bytes: number(&status, "VmRSS:")? * 1024,
            // Reading the directory is one of them.
            open_files: u64::try_from(open).ok()?.saturating_sub(1),
            open_files_max: number(&limits, "Max open files").unwrap_or(u64::MAX),
            threads: number(&status, "Threads:")?,
            cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_PER_SECOND,
        })
    }
}

/// The first number of the line that begins so.
fn number(text: &str, line: &str) -> Option<u64> {
    text.lines().find_map(|one| one.strip_prefix(line))?.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let one = std::fs::File::open("/proc/self/status").unwrap();
        let process = Process::read();
        assert!(process.resident_bytes > 1024 * 1024 && process.threads > 0);
        assert!(process.open_files >= 1 && process.open_files_max >= process.open_files);
        drop(one);
    }
}
