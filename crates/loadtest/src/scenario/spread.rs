//! People of every session on several nodes: they join over REST in turn, and connect where they are told.

use std::net::SocketAddr;

use super::stage::progress;
use crate::Failure;
use crate::account::Account;
use crate::crowd::{Crowd, Ticket};
use crate::options::Options;
use crate::rest::Rest;
use crate::track::{Gait, Track};

/// A crowd that has joined and is not connected yet, each person's node by their place in it.
///
/// # Errors
/// When a node lets somebody not join.
pub(super) fn crowd(
    options: &Options,
    addresses: &[SocketAddr],
    home: impl Fn(u32) -> usize,
) -> Result<Crowd, Failure> {
    let (sessions, people) = options.group.size(20, 50);
    let nodes = addresses.len();
    let mut rests = addresses.iter().map(|at| Rest::connect(*at)).collect::<Result<Vec<_>, _>>()?;
    let (mut random, mut everyone) = (fastrand::Rng::new(), Vec::new());
    for number in 0..sessions as usize {
        let session = rests[number % nodes].create()?;
        for place in 0..people as usize {
            let (user, token) = rests[place % nodes].join(&session, &format!("Person {place}"))?;
            let protocol = options.group.protocol[everyone.len() % options.group.protocol.len()];
            let ticket = Ticket { session: session.clone(), user, token, protocol };
            everyone.push((ticket, Track::around(47.0, 11.0, Gait::of(place), &mut random)));
        }
        progress(|| format!("session {} of {sessions}", number + 1));
    }
    let mut crowd = Crowd::new(addresses.to_vec(), everyone, people)?;
    crowd.account = Some(Account::new(crowd.len(), people));
    crowd.people.iter_mut().zip(0..).for_each(|(person, who)| person.node = home(who));
    Ok(crowd)
}
