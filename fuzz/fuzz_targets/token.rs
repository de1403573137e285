//! Any text as a token; and any header and claims, a line each, that are signed with the right key: only what is signed
//! with HS256 by a key that we name is read, and what is read can be issued again.
#![no_main]

use std::sync::LazyLock;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::{Algorithm, EncodingKey};
use libfuzzer_sys::fuzz_target;
use tagalong_core::claims::{Claims, Role};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::time::Timestamp;

use self::tokens::Tokens;

// The server's own file, without the database and all else that it would take minutes to build for a fuzzer.
#[allow(dead_code, reason = "the server uses the rest")]
#[path = "../../crates/server/src/tokens.rs"]
mod tokens;

const KEY: &[u8] = b"a key that is made for nothing but this";
const OTHER: &[u8] = b"a key that was made for it before that one";
const TIME: Timestamp = Timestamp::from_millis(1_795_000_000_000);

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| Tokens::new(KEY, &[OTHER]).expect("a key"));
static HEADER: LazyLock<String> = LazyLock::new(|| {
    let (session, user) = (SessionId::from_random([1; 16]), UserId::from_random([2; 16]));
    let token = issue(&Claims { session, user, role: Role::Watcher { generation: 1 } });
    token.split('.').next().unwrap_or_default().to_owned()
});

fn issue(claims: &Claims) -> String {
    TOKENS.issue(claims, TIME, TIME).expect("a token")
}

fn signed(header: &str, claims: &str) -> String {
    // A header of none stands for one of ours, whose key's name nobody guesses.
    let header = match header {
        "" => HEADER.clone(),
        header => BASE64_URL_SAFE_NO_PAD.encode(header),
    };
    let message = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(KEY);
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    format!("{message}.{signature}")
}

fuzz_target!(|text: &str| {
    assert!(TOKENS.verify(text).is_err(), "nobody can sign without the key");
    let (header, claims) = text.split_once('\n').unwrap_or(("", text));
    if let Ok(claims) = TOKENS.verify(&signed(header, claims)) {
        if !header.is_empty() {
            let header: serde_json::Value = serde_json::from_str(header).expect("JSON");
            assert_eq!(header["alg"], "HS256");
        }
        assert_eq!(TOKENS.verify(&issue(&claims)), Ok(claims));
    }
});
