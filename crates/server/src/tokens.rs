//! Tokens: who may do what in which session, signed by us.
//!
//! JWTs with HS256 and nothing else (RFC 8725, section 3.1). `exp` is the session's end as it was when the
//! token was made; whether a token still opens anything is decided by the session itself, which may have
//! been ended, extended, or left since (docs/adr/0004).

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::limits::TOKEN_BYTES_MAX;
use tagalong_core::time::Timestamp;

const ISSUER: &str = "tagalong";

/// What the bearer of a token is in its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Made it: may end and change it, and remove people.
    Creator,
    /// Takes part: may connect, send positions, and leave.
    Participant,
    /// Sees: may connect.
    Watcher,
}

/// What a valid token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pass {
    /// The session that it is for.
    pub session: SessionId,
    /// The bearer.
    pub user: UserId,
    /// What the bearer may do.
    pub role: Role,
}

/// The token is not one of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    role: Role,
    iat: u64,
    exp: u64,
}

/// Makes and checks tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// Tokens under a key of at least 32 bytes.
    pub fn new(key: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
        // The session decides, not the claim: see the module's documentation.
        validation.validate_exp = false;
        Self { encoding: EncodingKey::from_secret(key), decoding: DecodingKey::from_secret(key), validation }
    }

    /// A token for a pass, made at `now`, for a session that ends at `ends_at`.
    ///
    /// # Errors
    /// When the signing library fails.
    pub fn issue(
        &self,
        pass: &Pass,
        now: Timestamp,
        ends_at: Timestamp,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: pass.user.clone(),
            sid: pass.session,
            role: pass.role,
            iat: seconds(now),
            exp: seconds(ends_at),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// When it is too long, not signed by us with HS256, or lacks a claim.
    pub fn verify(&self, token: &str) -> Result<Pass, InvalidToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(InvalidToken);
        }
        let read = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation);
        let claims = read.map_err(|_| InvalidToken)?.claims;
        Ok(Pass { session: claims.sid, user: claims.sub, role: claims.role })
    }
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis() / 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    use serde_json::{Value, json};

    use super::*;

    const KEY: &[u8] = &[7; 32];

    fn pass() -> Pass {
        Pass {
            session: SessionId::from_random([1; 16]),
            user: UserId::from_random([2; 16]),
            role: Role::Participant,
        }
    }

    fn claims() -> Value {
        json!({"iss": "tagalong", "aud": "tagalong", "sub": pass().user, "sid": pass().session,
               "role": "participant", "iat": 1, "exp": 4_000_000_000_u64})
    }

    fn signed(header: &Header, claims: &Value, key: &[u8]) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(key)).unwrap()
    }

    #[test]
    fn what_is_issued_is_read_again() {
        let tokens = Tokens::new(KEY);
        let times = (Timestamp::from_millis(1_000), Timestamp::from_millis(61_000));
        let token = tokens.issue(&pass(), times.0, times.1).unwrap();
        assert_eq!(tokens.verify(&token), Ok(pass()));
        let payload = token.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(1), Some(61)));
    }

    #[test]
    fn nothing_else_is_accepted() {
        let tokens = Tokens::new(KEY);
        let hs256 = Header::new(Algorithm::HS256);
        let good = signed(&hs256, &claims(), KEY);
        assert!(tokens.verify(&good).is_ok());

        let mut bad = vec![
            String::new(),
            "a.b.c".to_owned(),
            good[..good.len() - 2].to_owned(),
            format!("{good}{}", "A".repeat(TOKEN_BYTES_MAX)),
            signed(&hs256, &claims(), &[8; 32]),
            signed(&Header::new(Algorithm::HS384), &claims(), KEY),
        ];
        let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        bad.push(format!("{none}.{}.", good.split('.').nth(1).unwrap()));
        for missing in ["iss", "aud", "sub", "sid", "role", "iat", "exp"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(missing);
            bad.push(signed(&hs256, &claims, KEY));
        }
        // CVE-2026-25537: a time as a string must not switch its check off.
        for (claim, value) in [("exp", json!("4000000000")), ("iss", json!("other")), ("aud", json!("other"))]
        {
            let mut claims = claims();
            claims[claim] = value;
            bad.push(signed(&hs256, &claims, KEY));
        }
        for token in bad {
            assert_eq!(tokens.verify(&token), Err(InvalidToken), "{token}");
        }
    }
}
