//! A dozen named people round a place, for trying a map.

use std::time::Duration;

use tagalong_core::id::SessionId;

use super::stage;
use crate::Failure;
use crate::clock::micros;
use crate::crowd::{Crowd, Ticket};
use crate::options::{Options, address};
use crate::protocol::Protocol;
use crate::rest::Rest;
use crate::schedule::Round;
use crate::track::{Gait, Track};

/// Fruit and trees, so that nobody is meant.
const NAMES: [&str; 12] = [
    "Apple", "Birch", "Cherry", "Damson", "Elder", "Fig", "Ginkgo", "Hazel", "Juniper", "Larch", "Maple",
    "Olive",
];
/// How often each one moves.
const INTERVAL_MS: u64 = 1_000;
/// How long somebody who was cut off stays away.
const COME_BACK: Duration = Duration::from_secs(2);

pub(super) fn play(options: &Options, session: Option<&str>, place: (f64, f64)) -> Result<bool, Failure> {
    if !(-85.0..=85.0).contains(&place.0) || !(-180.0..=180.0).contains(&place.1) {
        return Err("--lat must lie between -85 and 85, --lng between -180 and 180".into());
    }
    let link = session.filter(|session| session.contains("://"));
    let (_server, address) = match link {
        Some(link) => (None, address(link, options.target.allow_remote)?),
        None => {
            let (server, _, address) = stage::server(&options.target)?;
            (server, address)
        }
    };
    let mut rest = Rest::connect(address)?;
    let id = match session {
        None => rest.create()?,
        Some(given) => {
            let id = given.trim_end_matches('/').rsplit('/').next().unwrap_or(given);
            SessionId::parse(id).map_err(|_| "--session must be a join link or a session's id")?.to_string()
        }
    };
    let everyone = join(&mut rest, &id, place)?;
    println!("{} people move in the session http://{address}/join/{id}", everyone.len());
    let people = u32::try_from(everyone.len()).unwrap_or(u32::MAX);
    let crowd = Crowd::new(vec![address], everyone, people)?;
    walk(crowd, options.group.interval(INTERVAL_MS), options.group.seconds.map(Duration::from_secs))
}

fn join(rest: &mut Rest, session: &str, (lat, lng): (f64, f64)) -> Result<Vec<(Ticket, Track)>, Failure> {
    let mut random = fastrand::Rng::new();
    let mut everyone = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let (user, token) = rest.join(session, name)?;
        let ticket = Ticket { session: session.to_owned(), user, token, protocol: Protocol::V2 };
        everyone.push((ticket, Track::around(lat, lng, Gait::of(number), &mut random)));
    }
    Ok(everyone)
}

fn walk(mut crowd: Crowd, interval: Duration, length: Option<Duration>) -> Result<bool, Failure> {
    let began = crowd.watch.micros();
    let end = length.map_or(u64::MAX, |length| began + micros(length));
    let mut round = Round::new(0..crowd.len(), micros(interval), began, &mut crowd.random);
    let mut look = 0;
    while crowd.watch.micros() < end {
        let now = crowd.watch.micros();
        if now >= look {
            look = now + micros(COME_BACK);
            (0..crowd.len()).filter(|who| crowd.is_away(*who)).collect::<Vec<_>>().into_iter().for_each(
                |who| {
                    crowd.connect(who);
                },
            );
        }
        let slice = (now + 100_000).min(end);
        crowd.play(Some(&mut round), slice);
        stage::progress(|| format!("{} of {} are connected", crowd.arrivals.joined, crowd.people.len()));
        if crowd.arrivals.faults.get("refused").is_some_and(|refused| *refused > 100) {
            return Err("the server takes no more positions: has the session ended?".into());
        }
    }
    stage::clear_progress();
    Ok(crowd.arrivals.joined == crowd.people.len())
}
