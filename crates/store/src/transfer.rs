//! Export and import of sessions and participants: a header line, then a line of JSON for each session with all its
//! participants. Never a position, and no key.

use std::io::{BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, StoredSession};

/// The version of the format; others cannot be read.
const VERSION: u32 = 1;
/// Most bytes of one line: some ten thousand participants in one session.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Head {
    tagalong_sessions: u32,
}

/// The counts of an export or import.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Sessions.
    pub sessions: u64,
    /// Participants, also those who have left.
    pub people: u64,
}

impl Taken {
    fn count(&mut self, session: &StoredSession) {
        self.sessions += 1;
        self.people += session.participants.len() as u64;
    }
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sessions: {}, participants: {}", self.sessions, self.people)
    }
}

/// Why an export or import stopped, in one line. An import keeps the sessions before that line.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("cannot write: {0}")]
    Write(std::io::Error),
    #[error("line {0}: cannot be read: {1}")]
    Read(u64, std::io::Error),
    #[error("line 1: not what `tagalong export` writes")]
    NotOurs,
    #[error("line 1: written in form {0}, this version of tagalong reads form {VERSION}")]
    OtherVersion(u32),
    #[error("line {0}: longer than {LINE_BYTES_MAX} bytes")]
    TooLong(u64),
    /// A line is invalid. Its content is not shown, because it holds names.
    #[error("line {0}: not a session as `tagalong export` writes it (column {1})")]
    Unreadable(u64, usize),
    #[error("line {0}: the database has this session already; nothing from this line on was imported")]
    Known(u64),
    #[error("line {0}: {1}")]
    Import(u64, StoreError),
    /// The database does not answer.
    #[error(transparent)]
    Export(StoreError),
}

/// Writes every session of a database, open or not.
///
/// # Errors
/// When the database does not answer, or a line cannot be written.
pub async fn export(store: &Store, mut to: impl Write) -> Result<Taken, TransferError> {
    let mut taken = Taken::default();
    write_line(&mut to, &Head { tagalong_sessions: VERSION })?;
    let mut last = None;
    while let Some(session) = store.stored_after(last).await.map_err(TransferError::Export)? {
        write_line(&mut to, &session)?;
        taken.count(&session);
        last = Some(session.id);
    }
    to.flush().map_err(TransferError::Write)?;
    Ok(taken)
}

fn write_line(to: &mut impl Write, line: &impl Serialize) -> Result<(), TransferError> {
    let written = serde_json::to_writer(&mut *to, line).map_err(std::io::Error::from);
    written.and_then(|()| to.write_all(b"\n")).map_err(TransferError::Write)
}

/// Imports the output of [`export`] into a database, one transaction for each session.
///
/// # Errors
/// At the first line that is invalid, or whose session exists already.
pub async fn import(store: &Store, mut from: impl BufRead) -> Result<Taken, TransferError> {
    let mut taken = Taken::default();
    let mut line = Vec::new();
    read_line(&mut from, &mut line, 1)?;
    let head: Head = serde_json::from_slice(&line).map_err(|_| TransferError::NotOurs)?;
    if head.tagalong_sessions != VERSION {
        return Err(TransferError::OtherVersion(head.tagalong_sessions));
    }
    for number in 2.. {
        if !read_line(&mut from, &mut line, number)? {
            break;
        }
        let session: StoredSession = serde_json::from_slice(&line)
            .map_err(|error| TransferError::Unreadable(number, error.column()))?;
        if !store.take_in(&session).await.map_err(|error| TransferError::Import(number, error))? {
            return Err(TransferError::Known(number));
        }
        taken.count(&session);
    }
    Ok(taken)
}

/// Whether there was another line.
fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, TransferError> {
    line.clear();
    let read = from.take(LINE_BYTES_MAX).read_until(b'\n', line);
    match read.map_err(|error| TransferError::Read(number, error))? {
        0 => Ok(false),
        bytes if bytes as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") => {
            Err(TransferError::TooLong(number))
        }
        _ => Ok(true),
    }
}
