//! The opening handshake of RFC 6455, section 4.2: checks the request, and answers it.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use sha1::{Digest, Sha1};

/// The suffix for the answer to a key (section 1.3).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION: &str = "13";
/// The subprotocol of official clients; browsers require that the server chooses it.
const SUBPROTOCOL: &str = "phoenix";

/// A valid request for a WebSocket.
pub(crate) struct Handshake {
    key: HeaderValue,
    offers_subprotocol: bool,
    pub(super) upgrade: OnUpgrade,
}

/// Why a request is no valid handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("A WebSocket is opened with GET")]
    Method,
    #[error("No WebSocket is asked for: connection and upgrade say so")]
    Upgrade,
    #[error("Only version 13 of the WebSocket protocol is spoken here")]
    Version,
    #[error("sec-websocket-key is missing, or not one")]
    Key,
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        // As in Phoenix, without a body.
        if self == Self::Method {
            return StatusCode::BAD_REQUEST.into_response();
        }
        // Section 4.4: a client with another version receives the supported one.
        (StatusCode::BAD_REQUEST, [(SEC_WEBSOCKET_VERSION, VERSION)], self.to_string()).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Handshake {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Wrong> {
        if parts.method != Method::GET {
            return Err(Wrong::Method);
        }
        let headers = &parts.headers;
        if !lists(headers, CONNECTION, "upgrade") || !lists(headers, UPGRADE, "websocket") {
            return Err(Wrong::Upgrade);
        }
        if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
            return Err(Wrong::Version);
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_key(key)).ok_or(Wrong::Key)?.clone();
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(Wrong::Upgrade)?;
        Ok(Self { key, offers_subprotocol: lists(headers, SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL), upgrade })
    }
}

impl Handshake {
    /// The answer that switches the connection to WebSocket.
    pub(super) fn answer(&self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(accept(self.key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if self.offers_subprotocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        response
    }
}

/// Whether a header lists a word, such as `Connection: keep-alive, Upgrade`.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name);
    let mut words = values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.any(|one| one.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// Sixteen bytes in base64 (section 4.2.1).
fn is_key(key: &HeaderValue) -> bool {
    STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

fn accept(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(ACCEPT_SUFFIX).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn words_in_lists() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("keep-alive"));
        headers.append(CONNECTION, HeaderValue::from_static("close , Upgrade"));
        assert!(lists(&headers, CONNECTION, "upgrade"));
        assert!(!lists(&headers, CONNECTION, "up"));
        assert!(!lists(&headers, UPGRADE, "websocket"));
    }

    #[test]
    fn keys() {
        let is_key = |text| is_key(&HeaderValue::from_static(text));
        assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(!is_key("") && !is_key("dGhlIHNhbXBsZQ==") && !is_key("not base64 at all, friend"));
    }
}
