//! What a client shows at a door: a token and a version in the query, or the token among the subprotocols.

use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

/// What stands before a token in the list of offered subprotocols.
const TOKEN_PREFIX: &str = "base64url.bearer.phx.";
/// The standard alphabet in spite of the prefix's name, padded or not: what the official client sends.
const TOKEN_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a door reads from the query; any other parameter is the client's own.
#[derive(Deserialize)]
pub(crate) struct Parameters {
    pub(crate) token: Option<String>,
    pub(crate) vsn: Option<String>,
}

/// The token that is offered as a subprotocol, where no log of addresses has it.
pub(crate) fn token_in_subprotocol(headers: &HeaderMap) -> Option<String> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let encoded =
        offered.flat_map(|value| value.split(',')).find_map(|one| one.trim().strip_prefix(TOKEN_PREFIX))?;
    String::from_utf8(TOKEN_ENCODING.decode(encoded).ok()?).ok()
}
