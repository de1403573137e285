//! How people move: closed paths round a place, walked, ridden, or stood at.

use std::f64::consts::TAU;

/// Metres that a degree of latitude is long.
const METRES_PER_DEGREE: f64 = 111_320.0;

/// What a phone says of where it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fix {
    /// Degrees.
    pub lat: f64,
    /// Degrees.
    pub lng: f64,
    /// Metres.
    pub accuracy: f64,
    /// Degrees from north; a phone that does not move has none.
    pub heading: Option<f64>,
    /// Metres a second.
    pub speed: Option<f64>,
}

/// How somebody gets along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gait {
    /// At a place, with the noise that a phone sees there.
    Standing,
    /// On foot.
    Walking,
    /// On a bicycle.
    Riding,
}

impl Gait {
    /// Of ten people two stand, two ride, and the others walk.
    pub fn of(number: usize) -> Self {
        match number % 10 {
            3 | 8 => Self::Standing,
            1 | 6 => Self::Riding,
            _ => Self::Walking,
        }
    }

    fn metres_per_second(self) -> f64 {
        match self {
            Self::Standing => 0.0,
            Self::Walking => 1.35,
            Self::Riding => 4.8,
        }
    }

    /// Size of the loop.
    fn metres(self) -> f64 {
        match self {
            Self::Standing => 3.0,
            Self::Walking => 220.0,
            Self::Riding => 900.0,
        }
    }
}

/// One person's path: a circle that is bent by two waves, so that no two look alike.
#[derive(Clone, Copy, Debug)]
pub struct Track {
    lat: f32,
    lng: f32,
    gait: Gait,
    phase: f32,
    bend: f32,
    size: f32,
}

impl Track {
    /// A path round a place, in degrees.
    pub fn around(lat: f64, lng: f64, gait: Gait, random: &mut fastrand::Rng) -> Self {
        let size = gait.metres() * (0.6 + 0.8 * random.f64());
        #[expect(clippy::cast_possible_truncation, reason = "a metre is exact enough, and there are many")]
        Self {
            lat: lat as f32,
            lng: lng as f32,
            gait,
            phase: random.f32() * std::f32::consts::TAU,
            bend: 0.15 + 0.3 * random.f32(),
            size: size as f32,
        }
    }

    /// Where they are after some seconds.
    pub fn at(&self, seconds: f64) -> Fix {
        let (north, east) = self.metres(seconds);
        let lat = f64::from(self.lat) + north / METRES_PER_DEGREE;
        let lng = f64::from(self.lng) + east / (METRES_PER_DEGREE * lat.to_radians().cos().max(0.01));
        let lng = (lng + 540.0).rem_euclid(360.0) - 180.0;
        let accuracy = 4.0 + 3.0 * (seconds / 17.0 + f64::from(self.phase)).sin().abs();
        if self.gait == Gait::Standing {
            return Fix { lat, lng, accuracy, heading: None, speed: None };
        }
        let (later_north, later_east) = self.metres(seconds + 0.5);
        let (dn, de) = (later_north - north, later_east - east);
        let heading = Some(de.atan2(dn).to_degrees().rem_euclid(360.0).min(359.4));
        Fix { lat, lng, accuracy, heading, speed: Some(dn.hypot(de) * 2.0) }
    }

    fn metres(&self, seconds: f64) -> (f64, f64) {
        let (size, bend, phase) = (f64::from(self.size), f64::from(self.bend), f64::from(self.phase));
        if self.gait == Gait::Standing {
            // The wander of a phone that lies still.
            return (size * (seconds / 23.0 + phase).sin(), size * (seconds / 31.0 + 2.0 * phase).cos());
        }
        let angle = phase + self.gait.metres_per_second() / size * seconds;
        let radius = size * (1.0 + bend * (3.0 * angle).sin() + bend / 2.0 * (5.0 * angle + phase).cos());
        (radius * (angle % TAU).sin(), radius * (angle % TAU).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_go_as_fast_as_people_go() {
        let mut random = fastrand::Rng::with_seed(1);
        for (gait, slowest, fastest) in [(Gait::Walking, 0.3, 4.0), (Gait::Riding, 1.0, 14.0)] {
            let track = Track::around(47.4, 10.9, gait, &mut random);
            for second in 0..600 {
                let fix = track.at(f64::from(second));
                let speed = fix.speed.unwrap();
                assert!((slowest..fastest).contains(&speed), "{gait:?}: {speed} m/s");
                assert!((0.0..360.0).contains(&fix.heading.unwrap()));
            }
        }
        let still = Track::around(47.4, 10.9, Gait::Standing, &mut random);
        assert!((still.at(0.0).lat - still.at(500.0).lat).abs() * METRES_PER_DEGREE < 10.0);
    }

    #[test]
    fn the_date_line_is_crossed() {
        let track = Track::around(0.0, 180.0, Gait::Riding, &mut fastrand::Rng::with_seed(2));
        assert!((0..3_000).all(|second| track.at(f64::from(second)).lng.abs() <= 180.0));
    }
}
