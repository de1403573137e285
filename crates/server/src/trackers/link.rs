//! Tracker links: a secret in the address that names the participant and is signed (docs/adr/0007).
//!
//! Links are not stored. The database counts how often a participant's links were revoked; a link is valid while that
//! count is the one in the link.

use std::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use tagalong_core::id::UserId;

use crate::tokens::Tokens;

/// Of the participant's 16 bytes and the 4 of the count, in base64.
const CLAIM_CHARS: usize = 27;
/// Separates this signature from that of any token: tokens contain no blank.
const PURPOSE: &str = "tagalong tracker link ";

/// The content of a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TrackerLink {
    /// The participant whose positions it sends.
    pub user: UserId,
    /// How often their links had been revoked at the time of issue.
    pub generation: u32,
}

impl fmt::Debug for TrackerLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrackerLink(…)")
    }
}

impl TrackerLink {
    /// Its secret, 256 bits strong. `None` for a participant with an id of an older system.
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

    /// Reads a secret with a valid signature. The database knows whether it is revoked.
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
        // After a key rotation: apps that are set up continue.
        assert_eq!(TrackerLink::parse(&secret, &Tokens::new(&[8; 32], &[&[7; 32]]).unwrap()), Some(link));
        assert!(TrackerLink { user: UserId::restore("user_bob"), generation: 0 }.secret(&tokens).is_none());
    }
}
