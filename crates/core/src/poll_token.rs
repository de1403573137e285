//! The token of a session of long polls, as text.

/// The prefix of each token, which no JWT has.
const PREFIX: &str = "poll_";
const HEX_DIGITS: usize = 32;

/// Names a session. The token alone allows to poll and post, so it is as random as a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PollToken(u128);

impl PollToken {
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Reads a token; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == HEX_DIGITS)?;
        u128::from_str_radix(digits, 16).ok().map(Self)
    }

    pub fn number(self) -> u128 {
        self.0
    }

    pub fn to_text(self) -> String {
        format!("{PREFIX}{:0HEX_DIGITS$x}", self.0)
    }
}
