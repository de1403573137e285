//! The server's process, and our own: started, pinned, and what they cost, as `/proc` tells it.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;

use crate::Failure;

/// What a process and its children have used until now.
#[derive(Clone, Copy, Default, Debug)]
pub struct Usage {
    /// Time on a processor, in user and kernel mode.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub rss: u64,
}

/// What a process and its children have used; `None` when there is no such process.
pub fn usage(pid: u32) -> Option<Usage> {
    let process = Process::new(pid.try_into().ok()?).ok()?;
    let own = usage_alone(&process)?;
    let tasks = process.tasks().into_iter().flatten().flatten();
    let of_children = tasks.filter_map(|task| task.children().ok()).flatten().filter_map(usage);
    Some(of_children.fold(own, |sum, child| Usage { cpu: sum.cpu + child.cpu, rss: sum.rss + child.rss }))
}

/// What we have used ourselves, without a server that we started.
pub fn own_usage() -> Option<Usage> {
    usage_alone(&Process::myself().ok()?)
}

fn usage_alone(process: &Process) -> Option<Usage> {
    let stat = process.stat().ok()?;
    let cpu = Duration::from_millis((stat.utime + stat.stime) * 1_000 / procfs::ticks_per_second());
    Some(Usage { cpu, rss: stat.rss * procfs::page_size() })
}

/// Lets this thread, and what it starts, run on one processor alone; without effect where there is none such.
pub fn pin(cpu: usize) {
    let mut only = CpuSet::new();
    only.set(cpu);
    // A machine with one processor has nothing to choose.
    let _ = sched_setaffinity(None, &only);
}

/// How many processors we might run on when this was first asked: pinning ourselves leaves one.
pub fn cpus() -> u32 {
    static CPUS: OnceLock<u32> = OnceLock::new();
    *CPUS.get_or_init(|| sched_getaffinity(None).map_or(1, |set| set.count()))
}

/// Raises the limit of open files as far as we may, for us and what we start.
pub fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    now.unwrap_or(u64::MAX)
}

/// A server that we started, with its data in a directory of its own. Ends with this value.
pub struct Server {
    program: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    directory: TempDir,
    child: Child,
    pinned: bool,
    pub address: SocketAddr,
}

impl Server {
    /// Starts a program, pinned to processor 0 (and us to processor 1) if asked, and waits until it says
    /// where it listens.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: &Path, arguments: &[String], pinned: bool) -> Result<Self, Failure> {
        Self::start_with(program, arguments, &[], pinned)
    }

    /// As [`Self::start`], with more variables in its environment.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_with(
        program: &Path,
        arguments: &[String],
        variables: &[(String, String)],
        pinned: bool,
    ) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let program = std::fs::canonicalize(program)
            .map_err(|error| format!("{}: {error}; has it been built?", program.display()))?
            .display()
            .to_string();
        let (child, port) = launch(&program, arguments, variables, &directory, 0, pinned)?;
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let (arguments, variables) = (arguments.to_vec(), variables.to_vec());
        Ok(Self { program, arguments, variables, directory, child, pinned, address })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it and starts it again, at the same address and with the same data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.stop();
        self.start_again()
    }

    /// Kills it, so that it can neither say goodbye nor clean up.
    pub fn kill(&mut self) {
        // It may be gone already; `wait` tells.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it after [`Self::kill`], at the same address and with the same data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<(), Failure> {
        let (port, arguments, variables) = (self.address.port(), &self.arguments, &self.variables);
        (self.child, _) = launch(&self.program, arguments, variables, &self.directory, port, self.pinned)?;
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            // It may be gone already; `wait` tells.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn launch(
    program: &str,
    arguments: &[String],
    variables: &[(String, String)],
    directory: &TempDir,
    port: u16,
    pinned: bool,
) -> Result<(Child, u16), Failure> {
    if pinned {
        // A child inherits where it may run.
        pin(0);
    }
    let spawned = Command::new(program)
        .args(arguments)
        .current_dir(directory.path())
        .env("PORT", port.to_string())
        .env("BIND", "127.0.0.1")
        .env("DATA_DIR", directory.path())
        .env("RATE_LIMITS", "off")
        .env("LOG_LEVEL", "warn")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    if pinned {
        pin(1);
    }
    let mut child = spawned.map_err(|error| format!("{program}: {error}"))?;
    let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
    let mut line = String::new();
    while output.read_line(&mut line)? > 0 {
        let port = line.trim_end().rsplit_once("ready: http://").and_then(|(_, url)| url.rsplit_once(':'));
        if let Some(port) = port.and_then(|(_, port)| port.parse().ok()) {
            // Read on, or the server would be stopped by its own output.
            std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
            return Ok((child, port));
        }
        line.clear();
    }
    child.wait()?;
    Err(format!("{program} ended before it was ready").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_use_something_ourselves() {
        let ours = own_usage().unwrap();
        assert!(ours.rss > 100_000, "{ours:?}");
        assert!(usage(u32::MAX).is_none());
        assert!(cpus() > 0);
    }
}
