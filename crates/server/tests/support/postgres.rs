//! PostgreSQL servers for tests: started and stopped here, in directories of their own, reached through
//! sockets in those. `postgres.sh` looks after each of them and outlives the test process by a moment.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

/// A running server. It is stopped and its directory removed when this is dropped, or the process ends.
pub(crate) struct Postgres {
    home: PathBuf,
    supervisor: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    databases: AtomicU32,
}

/// The server that the tests of this process share, each in a database of its own.
pub(crate) fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::launch(None))
}

impl Postgres {
    /// A server of one's own, to do harm to.
    pub(crate) fn start() -> Self {
        Self::launch(Some(&shared().home.join("template")))
    }

    fn launch(template: Option<&Path>) -> Self {
        let home = tempfile::Builder::new().prefix("tagalong-pg-").tempdir().unwrap().keep();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/support/postgres.sh");
        let mut supervisor = Command::new("sh");
        supervisor.arg(script).arg(&home).args(template);
        // A group of its own: Ctrl-C is for the tests, which tell it to stop by going away.
        supervisor.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut supervisor = supervisor.spawn().unwrap();
        let orders = supervisor.stdin.take();
        let answers = BufReader::new(supervisor.stdout.take().unwrap());
        let mut server = Self { home, supervisor, orders, answers, databases: AtomicU32::new(0) };
        server.order("start");
        server
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "ok\n", "PostgreSQL: {order}");
    }

    /// Kills all its processes with a signal that they cannot see coming.
    pub(crate) fn kill(&mut self) {
        self.order("kill");
    }

    /// Starts it again after [`Self::kill`].
    pub(crate) fn start_again(&mut self) {
        self.order("start");
    }

    /// Stops all its processes where they are: connections stand, and nothing answers.
    pub(crate) fn freeze(&mut self) {
        self.order("freeze");
    }

    /// Lets it go on after [`Self::freeze`].
    pub(crate) fn thaw(&mut self) {
        self.order("thaw");
    }

    /// A new, empty database: its URL.
    pub(crate) async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = connect(&self.url("postgres")).await;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        self.url(&name)
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=tagalong&port=5432", self.home.display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.orders.take());
        let ended = self.supervisor.wait();
        assert!(ended.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// A connection past the store.
pub(crate) async fn connect(url: &str) -> PgConnection {
    url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}
