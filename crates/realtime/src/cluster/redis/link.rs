//! Commands and messages over one connection to Redis.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::SendError;
use redis::{Pipeline, PushInfo, PushKind, Value};
use tagalong_core::hlc::NodeId;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::share::Share;
use tagalong_core::time::Timestamp;
use tagalong_platform::clock::Clock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::connection::{CommandBatch, Connection};
use super::message::{self, Message};
use super::outbox::{Outbox, Work};
use super::{Lives, Lost, keys};
use crate::cluster::{Heard, Hint, Rooms};

/// Most commands in one pipeline: Redis needs some milliseconds for them, while other clients wait.
const BATCH_COMMANDS_MAX: usize = 1_000;
/// How long the last activity of a session is kept.
const ACTIVITY_LIFE: Duration = Duration::from_secs(3_600);

pub(super) struct Link {
    node: NodeId,
    connection: Connection,
    clock: Clock,
    subscribed: Mutex<HashSet<SessionId>>,
    subscribed_more: Notify,
    /// An answer that took longer, in microseconds, gives a less exact time than an earlier one.
    round_trip_max: AtomicU64,
    broken: CancellationToken,
}

impl Link {
    pub(super) async fn open(
        node: NodeId,
        address: &Address,
        clock: Clock,
        rooms: Arc<dyn Rooms>,
    ) -> Result<Self, Lost> {
        let broken = CancellationToken::new();
        let ended = broken.clone();
        let own = node.to_string();
        let hear = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                ended.cancel();
            } else if let Some(heard) = heard(&own, &push) {
                rooms.heard(heard);
            }
            Ok::<(), SendError>(())
        };
        Ok(Self {
            node,
            connection: Connection::open(address, hear).await?,
            clock,
            subscribed: Mutex::default(),
            subscribed_more: Notify::new(),
            round_trip_max: AtomicU64::new(u64::MAX),
            broken,
        })
    }

    /// Waits until the connection has ended.
    pub(super) async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Checks Redis, and reads its time, which all nodes share.
    pub(super) async fn ping(&self) -> Result<(), Lost> {
        let asked = self.clock.instant();
        let time = self.connection.time().await?;
        let round_trip = self.clock.instant().duration_since(asked);
        let micros = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
        let max = self.round_trip_max.load(Ordering::Relaxed);
        // The best answer counts, and as clocks drift, with time also one that is a little worse.
        let max = if micros <= max {
            self.clock.share(Timestamp::from_millis(time).plus(round_trip / 2));
            micros
        } else {
            max
        };
        self.round_trip_max.store(max.saturating_add(max / 16 + 1), Ordering::Relaxed);
        Ok(())
    }

    pub(super) async fn subscribe(&self, sessions: Vec<SessionId>) -> Result<(), Lost> {
        for some in sessions.chunks(BATCH_COMMANDS_MAX) {
            self.connection.subscribe(some).await?;
        }
        self.subscribed.lock().extend(sessions);
        self.subscribed_more.notify_waiters();
        Ok(())
    }

    /// Subscribes to the channels of rooms, and unsubscribes the others. Only the writer does, so that the two keep
    /// their order.
    async fn check_subscriptions(&self, to_check: BTreeSet<SessionId>, outbox: &Outbox) -> Result<(), Lost> {
        let (mut more, mut less) = (Vec::new(), Vec::new());
        {
            let mut subscribed = self.subscribed.lock();
            for session in to_check {
                match (outbox.is_wanted(session), subscribed.contains(&session)) {
                    (true, false) => more.push(session),
                    (false, true) => {
                        subscribed.remove(&session);
                        less.push(session);
                    }
                    _ => {}
                }
            }
        }
        for some in less.chunks(BATCH_COMMANDS_MAX) {
            self.connection.unsubscribe(some).await?;
        }
        self.subscribe(more).await
    }

    /// Writes the pending work.
    pub(super) async fn write(&self, outbox: &Outbox, rooms: &dyn Rooms, lives: Lives) -> Result<(), Lost> {
        let mut work = outbox.take();
        let written = self.write_work(&mut work, outbox, rooms, lives).await;
        if written.is_err() {
            outbox.put_back(work);
        }
        written
    }

    async fn write_work(
        &self,
        work: &mut Work,
        outbox: &Outbox,
        rooms: &dyn Rooms,
        lives: Lives,
    ) -> Result<(), Lost> {
        self.check_subscriptions(std::mem::take(&mut work.subscriptions), outbox).await?;
        self.write_hints(&work.hints).await?;
        work.hints.clear();
        let mut batch = self.connection.batch();
        let mut shares = Vec::new();
        for session in std::mem::take(&mut work.unsent) {
            let location_ttl = rooms.take_unsent(session, &mut shares);
            for share in shares.drain(..) {
                self.add_share(batch.group(), session, &share, location_ttl, lives);
            }
            if let Some(count) = rooms.take_watching(session) {
                self.publish(batch.group(), session, &message::watching(self.node, count));
            }
            batch = self.send_if_full(batch).await?;
        }
        for (session, user, at) in std::mem::take(&mut work.seen) {
            // The state of former participants and ended sessions is being deleted.
            if rooms.is_in(session, &user) {
                self.add_seen(&mut batch, session, &user, at, lives);
                batch = self.send_if_full(batch).await?;
            }
        }
        self.connection.send(batch).await?;
        // Last and separate, because pipelines to a cluster may overtake each other.
        self.forget(work).await
    }

    /// Deletes the state of ended sessions and former participants.
    async fn forget(&self, work: &Work) -> Result<(), Lost> {
        let mut batch = self.connection.batch();
        for (session, user) in &work.forgotten {
            let pipeline = batch.group();
            pipeline.cmd("DEL").arg(keys::location(*session, user)).ignore();
            let fields = [keys::said(user), keys::moved(user), keys::present(user)];
            pipeline.cmd("HDEL").arg(keys::statuses(*session)).arg(&fields).ignore();
            pipeline.cmd("SREM").arg(keys::participants(*session)).arg(user.as_str()).ignore();
            batch.group().cmd("DEL").arg(keys::connection(user)).ignore();
            batch = self.send_if_full(batch).await?;
        }
        for session in &work.over {
            let over = [keys::statuses(*session), keys::participants(*session), keys::activity(*session)];
            batch.group().cmd("DEL").arg(&over).ignore();
            batch = self.send_if_full(batch).await?;
        }
        Ok(self.connection.send(batch).await?)
    }

    async fn send_if_full(&self, batch: CommandBatch) -> Result<CommandBatch, Lost> {
        if batch.len() < BATCH_COMMANDS_MAX {
            return Ok(batch);
        }
        self.connection.send(batch).await?;
        Ok(self.connection.batch())
    }

    async fn write_hints(&self, hints: &BTreeMap<SessionId, Hint>) -> Result<(), Lost> {
        let mut batch = self.connection.batch();
        for (session, hint) in hints {
            self.publish(batch.group(), *session, &message::hint(self.node, *hint));
            batch = self.send_if_full(batch).await?;
        }
        Ok(self.connection.send(batch).await?)
    }

    fn publish(&self, pipeline: &mut Pipeline, session: SessionId, message: &str) {
        pipeline.cmd(self.connection.publish()).arg(keys::channel(session)).arg(message).ignore();
    }

    /// State first, then the message: a node that subscribes between the two reads the state.
    fn add_share(
        &self,
        pipeline: &mut Pipeline,
        session: SessionId,
        share: &Share,
        location_ttl: Duration,
        lives: Lives,
    ) {
        let user = &share.user_id;
        let json = share.to_json();
        let remains = |share: Share, field: String, pipeline: &mut Pipeline| {
            let key = keys::statuses(session);
            pipeline.cmd("HSET").arg(&key).arg(field).arg(share.to_json()).ignore();
            pipeline.cmd("PEXPIRE").arg(key).arg(millis(lives.participant)).ignore();
        };
        if let Some(moved) = &share.moved {
            let age = self.clock.shared().since(moved.received);
            let life = location_ttl.saturating_sub(age);
            let key = keys::location(session, user);
            if moved.position.is_some() && !life.is_zero() {
                pipeline.cmd("SET").arg(key).arg(&json).arg("PX").arg(millis(life)).ignore();
            } else {
                pipeline.cmd("DEL").arg(key).ignore();
                let last = Share { moved: None, said: None, present: None, ..share.clone() };
                remains(last, keys::moved(user), pipeline);
            }
        }
        if share.said.is_some() {
            remains(Share { moved: None, present: None, ..share.clone() }, keys::said(user), pipeline);
        }
        if share.present.is_some() {
            remains(Share { moved: None, said: None, ..share.clone() }, keys::present(user), pipeline);
        }
        self.publish(pipeline, session, &message::share(self.node, &json));
    }

    /// The newest shares. Waits for the subscription first, so that no share is missed.
    pub(super) async fn read(&self, session: SessionId, users: &[UserId]) -> Vec<Share> {
        if users.is_empty() {
            return Vec::new();
        }
        loop {
            let more = self.subscribed_more.notified();
            if self.subscribed.lock().contains(&session) {
                break;
            }
            tokio::select! {
                () = more => {}
                () = self.broken() => return Vec::new(),
            }
        }
        let mut pipeline = Pipeline::new();
        let locations: Vec<String> = users.iter().map(|user| keys::location(session, user)).collect();
        pipeline.cmd("MGET").arg(locations).cmd("HVALS").arg(keys::statuses(session));
        type Answer = (Vec<Option<String>>, Vec<String>);
        let Ok((locations, statuses)) = self.connection.ask::<Answer>(pipeline).await else {
            return Vec::new();
        };
        let known = locations.into_iter().flatten().chain(statuses);
        known.filter_map(|json| Share::parse(&json).ok()).collect()
    }

    /// Records that a participant is connected to this node.
    fn add_seen(
        &self,
        batch: &mut CommandBatch,
        session: SessionId,
        user: &UserId,
        at: Timestamp,
        lives: Lives,
    ) {
        let pipeline = batch.group();
        let participants = keys::participants(session);
        pipeline.cmd("SADD").arg(&participants).arg(user.as_str()).ignore();
        pipeline.cmd("PEXPIRE").arg(participants).arg(millis(lives.participant)).ignore();
        let seconds = at.as_millis().div_euclid(1_000);
        let life = ACTIVITY_LIFE.as_secs();
        pipeline.cmd("SET").arg(keys::activity(session)).arg(seconds).arg("EX").arg(life).ignore();
        let (node, life) = (self.node.to_string(), millis(lives.connection));
        batch.group().cmd("SET").arg(keys::connection(user)).arg(node).arg("PX").arg(life).ignore();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn heard(own: &str, push: &PushInfo) -> Option<Heard> {
    if !matches!(push.kind, PushKind::Message | PushKind::SMessage) {
        return None;
    }
    let [Value::BulkString(channel), Value::BulkString(payload)] = push.data.as_slice() else { return None };
    let session = keys::session_of(channel)?;
    Some(match message::read(own, payload)? {
        Message::Share(share) => Heard::Share(session, share),
        Message::Hint(hint) => Heard::Hint(session, hint),
        Message::Watching(node, count) => Heard::Watching(session, node, count),
    })
}
