//! The secret in a tracker's address: whose it is, and a signature that nobody else can make (docs/adr/0007).
//!
//! Nothing of it is kept. The database counts how often somebody's links were revoked; a link holds while the
//! count is the one that it was made with.

use std::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use tagalong_core::id::UserId;

use crate::tokens::Tokens;

/// Of the participant's 16 bytes and the 4 of the count, in base64.
const CLAIM_CHARS: usize = 27;
/// Tells this signature from that of a token, whatever a token could say: those have no blank.
const PURPOSE: &str = "tagalong tracker link ";

/// What a secret stands for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TrackerLink {
    /// Whose position it sends.
    pub user: UserId,
    /// How often their links had been revoked when it was made.
    pub generation: u32,
}

impl fmt::Debug for TrackerLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrackerLink(…)")
    }
}

impl TrackerLink {
    /// Its secret, 256 bits strong. Nothing for a participant whom an older system named.
    pub fn secret(&self, tokens: &Tokens) -> Option<String> {
        let mut claim = [0; 20];
        let user = *self.user.as_uuid()?.as_bytes();
        if UserId::from_random(user) != self.user {
            return None;
        }
        claim[..16].copy_from_slice(&user);
        claim[16..].copy_from_slice(&self.generation.to_be_bytes());
        let mut secret = BASE64_URL_SAFE_NO_PAD.encode(claim);
        let signature = tokens.sign(&format!("{PURPOSE}{secret}")).ok()?;
        secret.push_str(&signature);
        Some(secret)
    }

    /// Reads a secret, if it is one of ours. Whether it still holds, the database knows.
    pub fn parse(secret: &str, tokens: &Tokens) -> Option<Self> {
        let (claim, signature) = secret.split_at_checked(CLAIM_CHARS)?;
        if !tokens.has_signed(&format!("{PURPOSE}{claim}"), signature) {
            return None;
        }
        let claim: [u8; 20] = BASE64_URL_SAFE_NO_PAD.decode(claim).ok()?.try_into().ok()?;
        let [user @ .., a, b, c, d] = claim;
        Some(Self { user: UserId::from_random(user), generation: u32::from_be_bytes([a, b, c, d]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_was_made_and_no_other_is() {
        let tokens = Tokens::new(&[7; 32], &[]).unwrap();
        let link = TrackerLink { user: UserId::from_random([9; 16]), generation: 3 };
        let secret = link.secret(&tokens).unwrap();
        assert_eq!(TrackerLink::parse(&secret, &tokens), Some(link.clone()));
        assert!(!secret.contains(link.user.as_str()) && format!("{link:?}") == "TrackerLink(…)");
        for place in 0..secret.len() {
            let mut other = secret.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(TrackerLink::parse(&String::from_utf8(other).unwrap(), &tokens), None, "{place}");
        }
        for text in ["", "x", &secret[..27], &secret[1..], &format!("{secret}A"), &"ü".repeat(40)] {
            assert_eq!(TrackerLink::parse(text, &tokens), None);
        }
        assert_eq!(TrackerLink::parse(&secret, &Tokens::new(&[8; 32], &[]).unwrap()), None);
        // A key that was replaced: apps that are set up go on.
        assert_eq!(TrackerLink::parse(&secret, &Tokens::new(&[8; 32], &[&[7; 32]]).unwrap()), Some(link));
        assert!(TrackerLink { user: UserId::restore("user_bob"), generation: 0 }.secret(&tokens).is_none());
    }
}
