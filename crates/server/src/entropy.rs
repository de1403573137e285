//! Randomness, from the operating system alone.

use std::time::Duration;

/// Random bytes, for ids and keys that nobody may guess.
///
/// # Errors
/// When the operating system has none, which is no state to go on in.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Half of `longest` to all of it, so that nodes that lost something together do not come back together.
pub fn jittered(longest: Duration) -> Duration {
    // Without randomness they would only be less spread.
    let [chance] = random::<1>().unwrap_or([u8::MAX]);
    longest / 2 + longest.mul_f64(f64::from(chance) / 512.0)
}
