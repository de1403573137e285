//! Several servers with a PostgreSQL and a Redis of their own, and each of these broken as asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Failure;
use crate::clock::Stopwatch;
use crate::process::Server;
use crate::proxy::Proxy;

/// What looks after a PostgreSQL and takes it away when we are gone, however we went.
const POSTGRES: &str = include_str!("../../server/tests/support/postgres.sh");
/// How long Redis may take to start.
const REDIS_DEADLINE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(10);

/// Something that goes wrong, and is mended again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Redis is killed, and comes back empty.
    RedisKilled,
    /// Redis stands still: it accepts and does not answer.
    RedisFrozen,
    /// PostgreSQL and all its processes are killed.
    DatabaseKilled,
    /// A node is killed.
    NodeKilled(usize),
    /// The network between one node and Redis is cut.
    NodeCut(usize),
}

/// How nodes reach Redis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// As it listens.
    Direct,
    /// Through a proxy of ours each, for [`Fault::NodeCut`].
    CanBeCut,
}

pub struct Cluster {
    nodes: Vec<Server>,
    ways: Vec<Proxy>,
    redis: Redis,
    database: Postgres,
}

impl Cluster {
    /// Starts everything, the nodes pinned to processor 0 (and us to processor 1) if asked. Servers end with the
    /// thread that calls this.
    ///
    /// # Errors
    /// When something does not start.
    pub fn start(program: &Path, nodes: usize, way: Way, pinned: bool) -> Result<Self, Failure> {
        let database = Postgres::start()?;
        let redis = Redis::start()?;
        let proxies = if way == Way::CanBeCut { nodes } else { 0 };
        let ways: Vec<Proxy> = (0..proxies).map(|_| Proxy::to(redis.port)).collect::<Result<_, _>>()?;
        let program = std::fs::canonicalize(program)
            .map_err(|error| format!("{}: {error}; has it been built?", program.display()))?;
        let arguments = ["setpriv", "--pdeathsig", "KILL", &program.display().to_string(), "serve"];
        let arguments = arguments.map(str::to_owned);
        let secret: String = std::iter::repeat_with(fastrand::alphanumeric).take(48).collect();
        let node = |number: usize| {
            let port = ways.get(number).map_or(redis.port, |way| way.port);
            let variables = [
                ("DATABASE_URL", database.url()),
                ("REDIS_URL", format!("redis://127.0.0.1:{port}")),
                ("JWT_SECRET", secret.clone()),
                // That Redis comes and goes is what we do ourselves.
                ("LOG_LEVEL", "error".to_owned()),
            ];
            let variables = variables.map(|(name, value)| (name.to_owned(), value));
            Server::start_with(Path::new("/usr/bin/env"), &arguments, &variables, pinned)
        };
        let nodes = (0..nodes).map(node).collect::<Result<_, _>>()?;
        Ok(Self { nodes, ways, redis, database })
    }

    /// Where the nodes listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// The nodes' process ids.
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(Server::pid).collect()
    }

    /// The process id of Redis.
    pub fn redis_pid(&self) -> u32 {
        self.redis.child.id()
    }

    /// Breaks something.
    ///
    /// # Errors
    /// When it cannot be broken.
    pub fn harm(&mut self, fault: Fault) -> Result<(), Failure> {
        match fault {
            Fault::RedisKilled => self.redis.kill(),
            Fault::RedisFrozen => self.redis.signal(Signal::STOP),
            Fault::DatabaseKilled => self.database.order("kill")?,
            Fault::NodeKilled(node) => self.nodes[node].kill(),
            Fault::NodeCut(node) => self.ways[node].cut(),
        }
        Ok(())
    }

    /// Mends it.
    ///
    /// # Errors
    /// When it cannot be mended.
    pub fn mend(&mut self, fault: Fault) -> Result<(), Failure> {
        match fault {
            Fault::RedisKilled => self.redis.start_again()?,
            Fault::RedisFrozen => self.redis.signal(Signal::CONT),
            Fault::DatabaseKilled => self.database.order("start")?,
            Fault::NodeKilled(node) => self.nodes[node].start_again()?,
            Fault::NodeCut(node) => self.ways[node].mend(),
        }
        Ok(())
    }
}

struct Redis {
    port: u16,
    directory: TempDir,
    child: Child,
}

impl Redis {
    fn start() -> Result<Self, Failure> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let directory = tempfile::tempdir()?;
        let mut redis = Self { port, child: launch(port, &directory)?, directory };
        redis.listens()?;
        Ok(redis)
    }

    fn start_again(&mut self) -> Result<(), Failure> {
        self.child = launch(self.port, &self.directory)?;
        self.listens()
    }

    fn listens(&mut self) -> Result<(), Failure> {
        let watch = Stopwatch::start();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if self.child.try_wait()?.is_some() || watch.elapsed() > REDIS_DEADLINE {
                return Err("redis-server does not start".into());
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may be gone already, and is waited for when it is killed.
            let _ = kill_process(pid, signal);
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn launch(port: u16, directory: &TempDir) -> Result<Child, Failure> {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "redis-server", "--bind", "127.0.0.1", "--save", "", "--port"])
        .arg(port.to_string())
        .arg("--dir")
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("redis-server: {error}").into())
}

struct Postgres {
    directory: std::path::PathBuf,
    keeper: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Postgres {
    fn start() -> Result<Self, Failure> {
        // What looks after it removes the directory.
        let directory = tempfile::Builder::new().prefix("tagalong-pg-").tempdir()?.keep();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", POSTGRES, "postgres.sh"]).arg(&directory);
        // A group of its own: Ctrl-C is for us, and it is told by our going away.
        keeper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn()?;
        let orders = keeper.stdin.take();
        let answers = BufReader::new(keeper.stdout.take().ok_or("no output")?);
        let mut postgres = Self { directory, keeper, orders, answers };
        postgres.order("start")?;
        Ok(postgres)
    }

    fn order(&mut self, order: &str) -> Result<(), Failure> {
        writeln!(self.orders.as_mut().ok_or("no input")?, "{order}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer == "ok\n" { Ok(()) } else { Err(format!("PostgreSQL: {order} failed").into()) }
    }

    fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=tagalong", self.directory.display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.keeper.wait();
    }
}
