//! People who come, go, and lose their connection, while everyone else moves on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::stage::Stage;
use crate::Failure;
use crate::crowd::{Crowd, Ticket};
use crate::options::Options;
use crate::report::Report;
use crate::rest::Rest;

/// Shortest and longest time in a tunnel, in microseconds.
const TUNNEL: std::ops::Range<u64> = 200_000..3_000_000;

pub(super) fn play(options: &Options, per_second: u32) -> Result<Report, Failure> {
    let (sessions, people) = options.group.size(20, 50);
    let mut stage = Stage::set(options, "churn", sessions, people)?;
    stage.arrive("arrival")?;
    let mut churn = Churn::new(stage.address, per_second.max(1));
    let interval = options.group.interval(2_000);
    let window = stage.window_with("churn", interval, options.group.window(20), |crowd| churn.act(crowd));
    let lost = window.faults.clone();
    let Churn { tunnels, replaced, mut faults, .. } = churn;
    faults.extend(lost);
    stage.note(format!(
        "{tunnels} went through a tunnel and came back, {replaced} left and somebody new came"
    ));
    if !faults.is_empty() {
        stage.unsound(format!("faults: {faults:?}"));
    }
    stage.come_in("those still away come back", usize::MAX);
    stage.window("afterwards", interval, options.group.window(5));
    Ok(stage.report())
}

/// A participant who left, and the ticket of the one who takes the place.
type Replaced = (u32, Result<Ticket, String>);

struct Churn {
    interval: u64,
    next: u64,
    away: BTreeMap<(u64, u32), ()>,
    ask: Sender<(u32, Ticket)>,
    done: Receiver<Replaced>,
    tunnels: u64,
    replaced: u64,
    faults: BTreeMap<String, u64>,
}

impl Churn {
    fn new(address: SocketAddr, per_second: u32) -> Self {
        let (ask, asked) = channel::<(u32, Ticket)>();
        let (tell, done) = channel();
        // A thread of its own: an answer that is slow must not delay those who move.
        std::thread::spawn(move || {
            let mut rest = Rest::connect(address);
            for (number, (who, ticket)) in asked.into_iter().enumerate() {
                let replaced = match &mut rest {
                    Ok(rest) => replace(rest, &ticket, number).map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                if tell.send((who, replaced)).is_err() {
                    return;
                }
            }
        });
        Self {
            interval: 1_000_000 / u64::from(per_second),
            next: 0,
            away: BTreeMap::new(),
            ask,
            done,
            tunnels: 0,
            replaced: 0,
            faults: BTreeMap::new(),
        }
    }

    fn act(&mut self, crowd: &mut Crowd) {
        let now = crowd.watch.micros();
        self.next = if self.next == 0 { now } else { self.next };
        while self.next <= now {
            self.next += self.interval;
            let who = crowd.random.u32(0..crowd.len());
            if !crowd.is_joined(who) {
                continue;
            }
            crowd.cut(who);
            if crowd.random.bool() {
                self.tunnels += 1;
                self.away.insert((now + crowd.random.u64(TUNNEL), who), ());
            } else {
                // The thread ends only with us.
                let _ = self.ask.send((who, crowd.people[who as usize].ticket.clone()));
            }
        }
        while let Some(entry) = self.away.first_entry().filter(|entry| entry.key().0 <= now) {
            crowd.connect(entry.key().1);
            entry.remove();
        }
        while let Ok((who, replaced)) = self.done.try_recv() {
            match replaced {
                Ok(ticket) => {
                    self.replaced += 1;
                    crowd.people[who as usize].ticket = ticket;
                    crowd.connect(who);
                }
                Err(error) => *self.faults.entry(error).or_default() += 1,
            }
        }
    }
}

fn replace(rest: &mut Rest, ticket: &Ticket, number: usize) -> Result<Ticket, Failure> {
    rest.leave(&ticket.session, &ticket.user, &ticket.token)?;
    let (user, token) = rest.join(&ticket.session, &format!("Newcomer {number}"))?;
    Ok(Ticket { user, token, ..ticket.clone() })
}
