//! The final state: each reader's view, compared with the truth.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use tagalong_core::id::UserId;
use tagalong_core::room::Due;

use super::{CONNECTIONS, Connection, Fault, GRACE, TTL, World};

impl World {
    /// Lets every reader read to the end, and compares its view with the truth.
    pub(crate) fn quiesce(&mut self) -> Result<(), Fault> {
        for at in 0..CONNECTIONS {
            if let Some(connection) = &mut self.connections[at] {
                if std::mem::take(&mut connection.stalled) {
                    connection.woken.0.store(true, Ordering::Relaxed);
                }
                self.take(at, Due::Everything)?;
            }
        }
        for (at, connection) in self.connections.iter().enumerate() {
            let Some(connection) = connection else { continue };
            self.check_membership(connection)?;
            self.check_newest(at, connection)?;
            self.check_said(at, connection)?;
        }
        self.quiesce_presence()
    }

    /// Waits for the end of all grace periods.
    fn quiesce_presence(&mut self) -> Result<(), Fault> {
        self.now.instant += GRACE;
        self.room.sweep(self.now.instant).wakes.wake();
        (0..CONNECTIONS).try_for_each(|at| self.take(at, Due::Control))?;
        let connected: BTreeSet<&UserId> =
            self.connections.iter().flatten().filter_map(|one| one.own.as_ref()).collect();
        let truth: BTreeSet<&UserId> =
            self.members.values().filter(|user| connected.contains(user)).collect();
        let sound = |one: &Connection| one.over || one.online.iter().collect::<BTreeSet<_>>() == truth;
        if self.connections.iter().flatten().all(sound) { Ok(()) } else { Err(Fault::Presence) }
    }

    pub(super) fn check_membership(&self, connection: &Connection) -> Result<(), Fault> {
        let truth: BTreeSet<UserId> = self.members.values().cloned().collect();
        if connection.over || connection.present == truth { Ok(()) } else { Err(Fault::Membership) }
    }

    /// The statuses and details are the newest, and no withdrawn position is shown.
    fn check_said(&self, at: usize, connection: &Connection) -> Result<(), Fault> {
        if connection.over {
            return Ok(());
        }
        for (user, (status, by)) in &self.said {
            if *by != at && connection.statuses.get(user) != Some(status) {
                return Err(Fault::Outdated);
            }
            let withdrawn = self.paused.get(user).copied().unwrap_or(0);
            // A client removes an expired position by itself.
            let shown = |number: &&u32| self.published_at[**number as usize] + TTL > self.now.instant;
            if connection.positions.get(user).filter(shown).is_some_and(|number| *number < withdrawn) {
                return Err(Fault::Withdrawn);
            }
        }
        if connection.ends_at == self.details.ends_at { Ok(()) } else { Err(Fault::Outdated) }
    }

    fn check_newest(&self, at: usize, connection: &Connection) -> Result<(), Fault> {
        let own = connection.user.and_then(|person| self.members.get(&person));
        for (user, latest) in &self.latest {
            let live = latest.at + TTL > self.now.instant;
            // A participant's own position is not in their snapshot, and never goes to the connection that sent it.
            let owed = latest.by != at && (Some(user) != own || latest.number >= connection.entered);
            if live && owed && !connection.over && connection.positions.get(user) != Some(&latest.number) {
                return Err(Fault::NotNewest);
            }
        }
        Ok(())
    }
}
