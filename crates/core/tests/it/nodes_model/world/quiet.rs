//! The final state: each node, compared with the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;
use std::time::Duration;

use tagalong_core::id::UserId;
use tagalong_core::limits::PRESENCE_LEASE;
use tagalong_core::room::{DisconnectReason, Due, Updates};

use super::{Fault, GRACE, LISTENER, NODES, Node, Op, TOLERANCE, TTL, World, number};

impl World {
    /// Exactly the watchers with a revoked token are disconnected.
    fn check_watching(&mut self, node: usize) -> Result<(), Fault> {
        let Node { room, watching, .. } = &mut self.nodes[node];
        let Some((subscription, generation)) = *watching else { return Ok(()) };
        let mut batch = Updates::default();
        let _ = room.poll_updates(subscription, Due::Everything, Waker::noop(), self.instant, &mut batch);
        let dismissed = batch.disconnect == Some(DisconnectReason::WatchingRevoked);
        if dismissed == (generation < self.details.watch_generation) { Ok(()) } else { Err(Fault::Watching) }
    }

    /// Delivers everything that is pending; then all nodes must show the truth.
    pub(crate) fn quiesce(&mut self) -> Result<(), Fault> {
        for node in 0..NODES {
            while !self.nodes[node].tells.is_empty() {
                self.apply(&Op::Tell(node))?;
            }
            for op in [
                Op::ReadDatabase(node),
                Op::FinishReading(node),
                Op::StartReading(node),
                Op::ReadDatabase(node),
                Op::FinishReading(node),
            ] {
                self.apply(&op)?;
            }
        }
        for node in 0..NODES {
            self.apply(&Op::Restate(node))?;
            self.apply(&Op::Flush(node))?;
        }
        while !self.wire.is_empty() {
            self.apply(&Op::Deliver(0))?;
        }
        let truth: BTreeSet<UserId> = self.roster.iter().map(|profile| profile.user_id.clone()).collect();
        let live = |number: &u32| self.published_at[*number as usize] + TTL > self.instant + TOLERANCE;
        let newest: BTreeMap<UserId, u32> = self
            .newest
            .iter()
            .filter(|(_, number)| live(number))
            .map(|(user, n)| (user.clone(), *n))
            .collect();
        let mut statuses = Vec::new();
        for node in 0..NODES {
            let now = self.now(node);
            let room = &mut self.nodes[node].room;
            let (_, snapshot) = room.subscribe(LISTENER, now).unwrap();
            let shown = &snapshot.participants.participants;
            let present: BTreeSet<UserId> = shown.iter().map(|one| one.profile.user_id.clone()).collect();
            let status: BTreeMap<UserId, _> = shown
                .iter()
                .map(|one| (one.profile.user_id.clone(), (one.status, one.last_position_at)))
                .collect();
            let shown = &snapshot.locations.locations;
            let positions: BTreeMap<UserId, u32> =
                shown.iter().map(|one| (one.user_id.clone(), number(&one.position))).collect();
            let sound = present == truth
                && self.nodes[node].present == truth
                && newest.iter().all(|(user, number)| positions.get(user) == Some(number))
                && snapshot.ends_at == self.details.ends_at
                && status
                    .iter()
                    .all(|(user, (status, _))| self.nodes[node].said.get(user) == status.as_ref());
            self.check_watching(node)?;
            statuses.push(status);
            if !sound {
                return Err(Fault::Apart);
            }
        }
        let alike = statuses.windows(2).all(|pair| {
            pair[0]
                .iter()
                .all(|(user, (status, _))| pair[1].get(user).is_some_and(|other| other.0 == *status))
        });
        if alike { self.quiesce_presence() } else { Err(Fault::Apart) }
    }

    /// After the leases of lost claims have ended, all nodes show exactly the participants who are connected to any
    /// node.
    fn quiesce_presence(&mut self) -> Result<(), Fault> {
        self.pass(PRESENCE_LEASE + TOLERANCE);
        for node in 0..NODES {
            self.restate(node);
            self.flush(node);
        }
        while !self.wire.is_empty() {
            self.apply(&Op::Deliver(0))?;
        }
        // A participant whose claim has just expired gets the same grace period as one who has just disconnected.
        self.pass(Duration::ZERO);
        self.pass(GRACE);
        let connected = self.people.values().filter(|(_, at)| at.is_some());
        let truth: BTreeSet<UserId> = connected.map(|(user, _)| user.clone()).collect();
        for node in 0..NODES {
            self.listen(node)?;
            if self.nodes[node].online != truth {
                return Err(Fault::Apart);
            }
        }
        Ok(())
    }
}
