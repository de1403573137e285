//! Tokens: signed claims about the role of a user in a session.
//!
//! JWTs with HS256 only (RFC 8725, section 3.1). Each names the key that signed it, so that keys can be rotated while
//! sessions are open: the new key signs, tokens of former keys stay valid (section 3.5). `exp` is the session's end at
//! the time of issue; the session itself decides whether a token is still valid, because it may have been ended,
//! extended, or left since (docs/adr/0004).

use std::borrow::Cow;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use tagalong_core::claims::{Claims, Role};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::limits::TOKEN_BYTES_MAX;
use tagalong_core::time::Timestamp;

const ISSUER: &str = "tagalong";
/// Enough to distinguish the few keys of one server.
const KEY_ID_CHARS: usize = 8;

/// The form of a role in a token.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleClaim {
    Creator,
    Participant,
    Watcher,
}

/// The token is not valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

#[derive(Serialize, Deserialize)]
struct RawClaims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    sub: UserId,
    sid: SessionId,
    role: RoleClaim,
    /// A watcher's generation. Older servers wrote none, which means the first.
    #[serde(default, skip_serializing_if = "is_first")]
    watch_generation: u32,
    iat: u64,
    exp: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "required by serde")]
fn is_first(generation: &u32) -> bool {
    *generation == 0
}

/// Makes and checks tokens.
pub struct Tokens {
    header: Header,
    encoding: EncodingKey,
    /// The signing key, then former ones.
    known: Vec<Known>,
}

/// A key whose tokens are accepted.
struct Known {
    /// The encoded header of its tokens. All are the same, so a token with any other header is rejected unparsed.
    header: String,
    key: DecodingKey,
}

/// Identifies a key without revealing it.
type KeyId = String;

impl Tokens {
    /// Signs with a key of at least 32 bytes; tokens of `previous` keys are still accepted.
    ///
    /// # Errors
    /// When the signing library fails.
    pub fn new(key: &[u8], previous: &[&[u8]]) -> Result<Self, jsonwebtoken::errors::Error> {
        let known =
            std::iter::once(&key).chain(previous).map(|key| Known::new(key)).collect::<Result<_, _>>()?;
        Ok(Self { header: header(key)?, encoding: EncodingKey::from_secret(key), known })
    }

    /// A token with these claims, issued at `now`, for a session that ends at `ends_at`.
    ///
    /// # Errors
    /// When the signing library fails.
    pub fn issue(
        &self,
        claims: &Claims,
        now: Timestamp,
        ends_at: Timestamp,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let (role, watch_generation) = match claims.role {
            Role::Creator => (RoleClaim::Creator, 0),
            Role::Participant => (RoleClaim::Participant, 0),
            Role::Watcher { generation } => (RoleClaim::Watcher, generation),
        };
        let claims = RawClaims {
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            sub: claims.user.clone(),
            sid: claims.session,
            role,
            watch_generation,
            iat: seconds(now),
            exp: seconds(ends_at),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding)
    }

    /// Signs a text that is no token.
    ///
    /// # Errors
    /// When the signing library fails.
    pub fn sign(&self, text: &str) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::crypto::sign(text.as_bytes(), &self.encoding, Algorithm::HS256)
    }

    /// Whether a signature of a text is valid under any known key.
    pub fn has_signed(&self, text: &str, signature: &str) -> bool {
        let by = |key| jsonwebtoken::crypto::verify(signature, text.as_bytes(), key, Algorithm::HS256);
        self.known.iter().any(|known| by(&known.key).unwrap_or(false))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// When it is too long, not signed with HS256 under a known key, or lacks a claim.
    pub fn verify(&self, token: &str) -> Result<Claims, InvalidToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(InvalidToken);
        }
        self.read(token).ok_or(InvalidToken)
    }

    /// Checks the header byte for byte, then the signature, then parses the claims. Unsigned content is never parsed.
    fn read(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let known = self.known.iter().find(|known| known.header == header)?;
        if !jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &known.key, Algorithm::HS256).ok()? {
            return None;
        }
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: RawClaims<'_> = serde_json::from_slice(&claims).ok()?;
        let ours = claims.iss == ISSUER && claims.aud == ISSUER;
        let role = match claims.role {
            RoleClaim::Creator => Role::Creator,
            RoleClaim::Participant => Role::Participant,
            RoleClaim::Watcher => Role::Watcher { generation: claims.watch_generation },
        };
        // Not `exp`: the session decides, see the module's documentation.
        ours.then_some(Claims { session: claims.sid, user: claims.sub, role })
    }
}

impl Known {
    fn new(key: &[u8]) -> Result<Self, jsonwebtoken::errors::Error> {
        let token = jsonwebtoken::encode(&header(key)?, &(), &EncodingKey::from_secret(key))?;
        let header = token.split('.').next().unwrap_or_default().to_owned();
        Ok(Self { header, key: DecodingKey::from_secret(key) })
    }
}

/// The header of the tokens that a key signs.
fn header(key: &[u8]) -> Result<Header, jsonwebtoken::errors::Error> {
    Ok(Header { kid: Some(key_id(key)?), ..Header::new(Algorithm::HS256) })
}

/// The signature of a fixed text: the same on every node with the key, and no way back to the key.
fn key_id(key: &[u8]) -> Result<KeyId, jsonwebtoken::errors::Error> {
    let key = EncodingKey::from_secret(key);
    let mut id = jsonwebtoken::crypto::sign(b"tagalong key id", &key, Algorithm::HS256)?;
    id.truncate(KEY_ID_CHARS);
    Ok(id)
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis() / 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const KEY: &[u8] = &[7; 32];

    fn claims() -> Claims {
        Claims {
            session: SessionId::from_random([1; 16]),
            user: UserId::from_random([2; 16]),
            role: Role::Participant,
        }
    }

    fn raw_claims() -> Value {
        json!({"iss": "tagalong", "aud": "tagalong", "sub": claims().user, "sid": claims().session,
               "role": "participant", "iat": 1, "exp": 4_000_000_000_u64})
    }

    fn tokens() -> Tokens {
        Tokens::new(KEY, &[]).unwrap()
    }

    fn signed(header: &Header, claims: &Value, key: &[u8]) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(key)).unwrap()
    }

    #[test]
    fn an_issued_token_is_verified() {
        let tokens = tokens();
        let times = (Timestamp::from_millis(1_000), Timestamp::from_millis(61_000));
        let token = tokens.issue(&claims(), times.0, times.1).unwrap();
        assert_eq!(tokens.verify(&token), Ok(claims()));
        let payload = token.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(1), Some(61)));
        // Only this header is accepted: if the library wrote another one, all tokens in use would become invalid.
        let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        let id = key_id(KEY).unwrap();
        assert_eq!(
            String::from_utf8(header).unwrap(),
            format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{id}"}}"#)
        );
    }

    #[test]
    fn nothing_else_is_accepted() {
        let tokens = tokens();
        let hs256 = tokens.header.clone();
        let good = signed(&hs256, &raw_claims(), KEY);
        assert!(tokens.verify(&good).is_ok());

        let mut bad = vec![
            String::new(),
            "a.b.c".to_owned(),
            good[..good.len() - 2].to_owned(),
            format!("{good}{}", "A".repeat(TOKEN_BYTES_MAX)),
            signed(&hs256, &raw_claims(), &[8; 32]),
            signed(&Header { alg: Algorithm::HS384, ..hs256.clone() }, &raw_claims(), KEY),
            signed(&Header { kid: None, ..hs256.clone() }, &raw_claims(), KEY),
            signed(&Header { kid: Some("../../etc/passwd".to_owned()), ..hs256.clone() }, &raw_claims(), KEY),
        ];
        let id = key_id(KEY).unwrap();
        let none = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","kid":"{id}"}}"#));
        bad.push(format!("{none}.{}.", good.split('.').nth(1).unwrap()));
        for missing in ["iss", "aud", "sub", "sid", "role", "iat", "exp"] {
            let mut claims = raw_claims();
            claims.as_object_mut().unwrap().remove(missing);
            bad.push(signed(&hs256, &claims, KEY));
        }
        // CVE-2026-25537: a time as a string must not switch its check off.
        for (claim, value) in [("exp", json!("4000000000")), ("iss", json!("other")), ("aud", json!("other"))]
        {
            let mut claims = raw_claims();
            claims[claim] = value;
            bad.push(signed(&hs256, &claims, KEY));
        }
        for token in bad {
            assert_eq!(tokens.verify(&token), Err(InvalidToken), "{token}");
        }
    }

    #[test]
    fn a_watchers_token_has_its_generation() {
        let (tokens, now) = (tokens(), Timestamp::from_millis(0));
        for generation in [0, 1, u32::MAX] {
            let watcher = Claims { role: Role::Watcher { generation }, ..claims() };
            let token = tokens.issue(&watcher, now, now).unwrap();
            assert_eq!(tokens.verify(&token), Ok(watcher));
        }
        let mut claims = raw_claims();
        claims["role"] = json!("watcher");
        let older = tokens.verify(&signed(&tokens.header.clone(), &claims, KEY)).unwrap();
        assert_eq!(older.role, Role::Watcher { generation: 0 });
        claims["watch_generation"] = json!(-1);
        assert!(tokens.verify(&signed(&tokens.header.clone(), &claims, KEY)).is_err());
    }

    #[test]
    fn keys_are_rotated_while_sessions_are_open() {
        let (old, new): (&[u8], &[u8]) = (KEY, &[9; 32]);
        let now = Timestamp::from_millis(0);
        let before = tokens().issue(&claims(), now, now).unwrap();
        let rotated = Tokens::new(new, &[old]).unwrap();
        assert_eq!(rotated.verify(&before), Ok(claims()));
        let after = rotated.issue(&claims(), now, now).unwrap();
        assert_eq!(rotated.verify(&after), Ok(claims()));
        // The old key no longer signs, and once it is removed its tokens are invalid.
        assert_eq!(tokens().verify(&after), Err(InvalidToken));
        assert_eq!(Tokens::new(new, &[]).unwrap().verify(&before), Err(InvalidToken));
    }
}
