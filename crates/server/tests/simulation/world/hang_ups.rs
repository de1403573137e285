//! Askers who do not wait for the answer.

use std::future::Future;
use std::task::Poll;

use tagalong_core::id::UserId;
use tagalong_core::participant::DisplayName;
use tagalong_core::session::EndReason;
use tagalong_core::time::Timestamp;
use tagalong_store::Departure;

use super::World;

impl World {
    /// Somebody asks for something and goes away before it is answered. It is done or not, and if the database
    /// says that it is done, the others have been told.
    pub(super) async fn hang_up(&mut self) {
        let Some(session) = self.session() else { return };
        let (id, now) = (self.model.sessions[session].id, self.clock.now());
        if self.faults.now.is_some() || self.model.closed(session, now).is_some() {
            return;
        }
        let (patience, sessions) = (self.dice.below(60), self.parts.sessions.clone());
        match self.dice.below(3) {
            0 => {
                let name = self.name();
                let person = DisplayName::parse(&name).unwrap();
                abandoned(patience, sessions.join(id, person, None)).await;
                self.settle().await;
                let known = |user: &UserId| self.model.people.iter().any(|person| person.id == *user);
                let (_, roster) = self.parts.sessions.participants(id).await.unwrap();
                let new = roster.into_iter().map(|one| one.profile.user_id).find(|user| !known(user));
                if let Some(user) = new {
                    self.model.joined(session, user, name, now);
                }
            }
            1 => {
                let Some(person) = self.person_of(session) else { return };
                let user = self.model.people[person].id.clone();
                abandoned(patience, sessions.leave(id, user.clone(), Departure::Left)).await;
                self.settle().await;
                let (_, roster) = self.parts.sessions.participants(id).await.unwrap();
                if self.model.people[person].active && !roster.iter().any(|one| one.profile.user_id == user) {
                    self.model.left(person);
                }
            }
            _ => {
                abandoned(patience, sessions.end(id)).await;
                self.settle().await;
                if self.parts.sessions.get(id).await.is_err() {
                    self.model.sessions[session].ended_at = Some(now);
                    self.model.ended(session, EndReason::EndedByCreator);
                }
            }
        }
    }

    /// Waits until nothing is under way: the database has one writer, which does one thing after another.
    async fn settle(&self) {
        for _ in 0..3 {
            self.parts.store.purge(Timestamp::from_millis(0)).await.unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Begins something, and lets go of it after so many turns.
async fn abandoned<T>(patience: u64, work: impl Future<Output = T>) {
    let mut work = std::pin::pin!(work);
    for _ in 0..=patience {
        let polled = std::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_ready())).await;
        if polled {
            return;
        }
        tokio::task::yield_now().await;
    }
}
