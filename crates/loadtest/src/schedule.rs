//! When everyone does something, again and again: fixed random phases of one interval, so that the load
//! comes whether the server keeps up or not.

/// A round of things to do, each at its own phase of an interval.
#[derive(Debug)]
pub struct Round {
    /// Phase in microseconds, and who; in order of phase.
    phases: Vec<(u64, u32)>,
    interval: u64,
    began: u64,
    cursor: usize,
}

impl Round {
    /// A round of `people`, from `now` on (in microseconds), each once every `interval` microseconds.
    pub fn new(
        people: impl Iterator<Item = u32>,
        interval: u64,
        now: u64,
        random: &mut fastrand::Rng,
    ) -> Self {
        let interval = interval.max(1);
        let mut phases: Vec<_> = people.map(|who| (random.u64(0..interval), who)).collect();
        phases.sort_unstable();
        Self { phases, interval, began: now, cursor: 0 }
    }

    /// When the next one is due, in microseconds.
    pub fn next(&self) -> u64 {
        self.phases.get(self.cursor).map_or(u64::MAX, |(phase, _)| self.began + phase)
    }

    /// Who is due at `now`, and since when.
    pub fn pop(&mut self, now: u64) -> Option<(u64, u32)> {
        let due = self.next();
        if due > now {
            return None;
        }
        let who = self.phases[self.cursor].1;
        self.cursor += 1;
        if self.cursor == self.phases.len() {
            self.cursor = 0;
            self.began += self.interval;
        }
        Some((due, who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_once_in_an_interval_however_late_it_is_asked() {
        let mut round = Round::new(0..100, 1_000, 5_000, &mut fastrand::Rng::with_seed(3));
        assert_eq!(round.pop(4_999), None);
        let mut times = vec![Vec::new(); 100];
        while let Some((due, who)) = round.pop(8_000 - 1) {
            times[who as usize].push(due);
        }
        for due in times {
            assert_eq!(due.len(), 3);
            assert!(due.windows(2).all(|pair| pair[1] - pair[0] == 1_000) && due[0] >= 5_000);
        }
        assert!(Round::new(0..0, 0, 0, &mut fastrand::Rng::new()).pop(u64::MAX - 1).is_none());
    }
}
