//! Randomness, from the operating system alone.

/// Random bytes, for ids and keys that nobody may guess.
///
/// # Errors
/// When the operating system has none, which is no state to go on in.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
