//! Sessions of long polling: each is a connection whose client polls for messages, and posts its own.
//!
//! A session has two sides with a mailbox between them. The connection's task delivers frames when a poll waits, and
//! takes nothing from the room before, so that a client that polls rarely gets the newest positions. Requests wait on
//! the other side.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tagalong_core::poll_token::PollToken;
use tagalong_platform::entropy::{Entropy, NoEntropy};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::socket::Inbound;
use crate::body_limit::BodyPermit;

/// The sessions of a server.
pub struct PollSessions {
    entropy: Entropy,
    open: Arc<Mutex<HashMap<PollToken, Arc<Mailbox>>>>,
}

impl PollSessions {
    /// No session is open. Their tokens are made of `entropy`.
    pub fn new(entropy: Entropy) -> Self {
        Self { entropy, open: Arc::default() }
    }

    /// Opens a session: its token for the client, its transport for the connection.
    pub fn open(&self) -> Result<(PollToken, LongPoll), NoEntropy> {
        let token = PollToken::from_random(self.entropy.bytes()?);
        let mailbox = Arc::new(Mailbox::new());
        self.open.lock().insert(token, Arc::clone(&mailbox));
        let entry = Entry { token, open: Arc::clone(&self.open) };
        Ok((token, LongPoll { mailbox, output: Vec::new(), frames: 0, _entry: entry }))
    }

    /// The open session of a token, if there is one.
    pub fn find(&self, token: Option<PollToken>) -> Option<(PollToken, Arc<Mailbox>)> {
        let token = token?;
        Some((token, Arc::clone(self.open.lock().get(&token)?)))
    }
}

/// Keeps a session findable for as long as its connection lives.
struct Entry {
    token: PollToken,
    open: Arc<Mutex<HashMap<PollToken, Arc<Mailbox>>>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.open.lock().remove(&self.token);
    }
}

/// The mailbox between a session's connection and its requests.
pub struct Mailbox {
    inside: Mutex<Inside>,
    /// One post at a time: the next body is not read before.
    posting: Semaphore,
}

#[derive(Default)]
struct Inside {
    /// Posted, and not yet taken by the connection.
    inbox: VecDeque<Inbound>,
    /// The permit of a large body, until the inbox is empty, also if the client has disconnected.
    permit: Option<BodyPermit>,
    poster: Option<Waker>,
    /// Handed over, for the poll that waits or the next one: JSON strings with commas between them.
    outbox: Vec<u8>,
    poller: Poller,
    /// A poll came or ended since the connection last looked.
    heard: bool,
    connection: Option<Waker>,
    over: bool,
}

/// The poll that waits, if one does. A new one takes the place of an old one.
#[derive(Default)]
struct Poller {
    number: u64,
    waits: bool,
    waker: Option<Waker>,
}

/// The answer to a poll.
pub enum PollAnswer {
    /// Messages: JSON strings with commas between them.
    Messages(Vec<u8>),
    /// Another poll has taken this one's place.
    Replaced,
    /// The session is over.
    Over,
}

/// The session is over.
pub struct Gone;

impl Inside {
    fn wake_connection(&mut self) {
        if let Some(waker) = self.connection.take() {
            waker.wake();
        }
    }

    fn is_awaited(&self) -> bool {
        self.poller.waits && self.outbox.is_empty()
    }
}

impl Mailbox {
    fn new() -> Self {
        Self { inside: Mutex::default(), posting: Semaphore::new(1) }
    }

    /// Begins a poll.
    pub fn poll(self: &Arc<Self>) -> PendingPoll {
        let mut inside = self.inside.lock();
        inside.poller.number += 1;
        inside.poller.waits = true;
        inside.heard = true;
        if let Some(replaced) = inside.poller.waker.take() {
            replaced.wake();
        }
        inside.wake_connection();
        PendingPoll { mailbox: Arc::clone(self), number: inside.poller.number }
    }

    /// Waits until all earlier posts are taken. The permit allows one post.
    pub async fn lock(&self) -> Result<SemaphorePermit<'_>, Gone> {
        let lock = self.posting.acquire().await.map_err(|_| Gone)?;
        self.taken().await?;
        Ok(lock)
    }

    /// Posts messages, with the permit of their body if that is large.
    pub fn post(&self, messages: VecDeque<Inbound>, permit: Option<BodyPermit>) -> Result<(), Gone> {
        let mut inside = self.inside.lock();
        if inside.over {
            return Err(Gone);
        }
        inside.inbox = messages;
        inside.permit = permit.filter(|_| !inside.inbox.is_empty());
        inside.wake_connection();
        Ok(())
    }

    /// Waits until the connection has taken all that was posted.
    pub async fn taken(&self) -> Result<(), Gone> {
        std::future::poll_fn(|cx| {
            let mut inside = self.inside.lock();
            if inside.inbox.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if inside.over {
                return Poll::Ready(Err(Gone));
            }
            inside.poster = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Takes back posted messages that the connection has not taken.
    pub fn take_back(&self) {
        let mut inside = self.inside.lock();
        inside.inbox = VecDeque::new();
        inside.permit = None;
    }
}

/// A poll, for as long as it waits.
pub struct PendingPoll {
    mailbox: Arc<Mailbox>,
    number: u64,
}

impl PendingPoll {
    /// Waits for something to answer with.
    pub async fn answer(&self) -> PollAnswer {
        std::future::poll_fn(|cx| {
            let mut inside = self.mailbox.inside.lock();
            if inside.poller.number != self.number {
                return Poll::Ready(PollAnswer::Replaced);
            }
            if !inside.outbox.is_empty() {
                return Poll::Ready(PollAnswer::Messages(std::mem::take(&mut inside.outbox)));
            }
            if inside.over {
                return Poll::Ready(PollAnswer::Over);
            }
            inside.poller.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for PendingPoll {
    fn drop(&mut self) {
        let mut inside = self.mailbox.inside.lock();
        if inside.poller.number == self.number {
            inside.poller.waits = false;
            inside.poller.waker = None;
            inside.heard = true;
            inside.wake_connection();
        }
    }
}

/// The connection's side of a session.
pub struct LongPoll {
    mailbox: Arc<Mailbox>,
    /// Fed, and not handed over: JSON strings with commas between them.
    output: Vec<u8>,
    frames: u32,
    _entry: Entry,
}

impl LongPoll {
    pub(super) fn is_awaited(&self) -> bool {
        self.mailbox.inside.lock().is_awaited()
    }

    pub(super) fn unsent(&self) -> usize {
        self.output.len()
    }

    pub(super) fn feed(&mut self, text: &[u8]) {
        self.frames = self.frames.saturating_add(1);
        if !self.output.is_empty() {
            self.output.push(b',');
        }
        // Frames are JSON, which is UTF-8, and writing to memory does not fail.
        _ = serde_json::to_writer(&mut self.output, &String::from_utf8_lossy(text));
    }

    pub(super) fn take_frames(&mut self) -> u32 {
        std::mem::take(&mut self.frames)
    }

    /// Hands over what was fed, once a poll waits for it.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.output.is_empty() {
            return Poll::Ready(());
        }
        let mut inside = self.mailbox.inside.lock();
        if !inside.is_awaited() {
            inside.connection = Some(cx.waker().clone());
            return Poll::Pending;
        }
        inside.outbox = std::mem::take(&mut self.output);
        if let Some(waker) = inside.poller.waker.take() {
            waker.wake();
        }
        Poll::Ready(())
    }

    /// The next posted message, or that a poll came or ended.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Inbound> {
        let mut inside = self.mailbox.inside.lock();
        if std::mem::take(&mut inside.heard) {
            return Poll::Ready(Inbound::PollChanged);
        }
        if let Some(posted) = inside.inbox.pop_front() {
            if inside.inbox.is_empty() {
                inside.permit = None;
                if let Some(waker) = inside.poster.take() {
                    waker.wake();
                }
            }
            return Poll::Ready(posted);
        }
        inside.connection = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ends the session: unsent frames go with the poll that waits, or are lost.
    pub(super) fn end(&mut self) {
        let mut inside = self.mailbox.inside.lock();
        if inside.is_awaited() {
            inside.outbox = std::mem::take(&mut self.output);
        }
        inside.over = true;
        let wakers = [inside.poller.waker.take(), inside.poster.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// However a connection ends, no request waits for it.
impl Drop for LongPoll {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::body_limit::{BodyLimit, BodySender};

    #[test]
    fn a_large_body_counts_until_its_session_has_taken_it_although_its_client_hung_up() {
        let (sessions, limit) = (PollSessions::new(Entropy::system()), BodyLimit::default());
        let (token, mut poll) = sessions.open().unwrap();
        let post = || {
            let sender = BodySender::Poll(token.number());
            let permit = limit.take(&sender, IpAddr::from(Ipv4Addr::LOCALHOST).into()).ok();
            assert!(permit.is_some());
            let two = ["1", "2"].map(|text| Inbound::Text(text.to_owned()));
            // The request is over with this.
            assert!(
                sessions
                    .find(Some(token))
                    .is_some_and(|(_, mailbox)| mailbox.post(two.into(), permit).is_ok())
            );
        };
        post();
        for held in [1, 0] {
            assert!(poll.poll_receive(&mut Context::from_waker(Waker::noop())).is_ready());
            assert_eq!(limit.used(), held);
        }
        post();
        assert_eq!(limit.used(), 1);
        sessions.find(Some(token)).unwrap().1.take_back();
        assert_eq!(limit.used(), 0);
        post();
        drop(poll);
        assert_eq!(limit.used(), 0);
    }
}
