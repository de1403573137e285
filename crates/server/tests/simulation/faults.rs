//! A database that fails on purpose, from beside: the server's own code knows nothing of it.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};

/// What fails until further notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Every statement: the tables are not there.
    Everything,
    /// Whatever writes a participant, also in the middle of a transaction.
    Participants,
    /// Whatever changes a session, also at the end of a transaction.
    Sessions,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Everything, Self::Participants, Self::Sessions];

    fn begin(self) -> &'static str {
        match self {
            Self::Everything => {
                "ALTER TABLE participants RENAME TO participants_away; ALTER TABLE sessions RENAME TO sessions_away"
            }
            Self::Participants => {
                "CREATE TRIGGER fault_insert BEFORE INSERT ON participants BEGIN SELECT RAISE(ABORT, 'fault'); END;
                 CREATE TRIGGER fault_update BEFORE UPDATE ON participants BEGIN SELECT RAISE(ABORT, 'fault'); END"
            }
            Self::Sessions => {
                "CREATE TRIGGER fault_insert BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'fault'); END;
                 CREATE TRIGGER fault_update BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'fault'); END"
            }
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Everything => {
                "ALTER TABLE sessions_away RENAME TO sessions; ALTER TABLE participants_away RENAME TO participants"
            }
            Self::Participants | Self::Sessions => "DROP TRIGGER fault_insert; DROP TRIGGER fault_update",
        }
    }
}

/// Makes the database of a file fail and work again.
pub(crate) struct Faults {
    beside: SqliteConnection,
    pub(crate) now: Option<Fault>,
}

impl Faults {
    pub(crate) async fn of(file: &Path) -> Self {
        Self { beside: SqliteConnectOptions::new().filename(file).connect().await.unwrap(), now: None }
    }

    pub(crate) async fn begin(&mut self, fault: Fault) {
        self.end().await;
        self.beside.execute(sqlx::raw_sql(fault.begin())).await.unwrap();
        self.now = Some(fault);
    }

    pub(crate) async fn end(&mut self) {
        if let Some(fault) = self.now.take() {
            self.beside.execute(sqlx::raw_sql(fault.end())).await.unwrap();
        }
    }
}
