//! Credentials of a live connection: token and version in the query, or the token among the subprotocols.

use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use tagalong_core::poll_token::PollToken;

/// The prefix of a token in the list of offered subprotocols.
const TOKEN_PREFIX: &str = "base64url.bearer.phx.";
/// The encoding of the official client: the standard alphabet, in spite of the prefix's name, padded or not.
const TOKEN_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Header with the token of a long-poll client. For a WebSocket the official client sends it as a subprotocol.
const TOKEN_HEADER: &str = "x-phoenix-authtoken";
/// The token of a long-poll session, in the header that the next version of the official client uses.
const POLL_TOKEN_HEADER: &str = "x-phoenix-longpoll-token";
/// The official client's text for no long-poll session yet.
const NO_POLL_TOKEN: &str = "null";

/// The parameters that are read from the query.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) token: Option<String>,
    pub(super) vsn: Option<String>,
    /// The long-poll session. Its parameter is called `token`, too; the two differ in form.
    pub(super) poll: Option<PollToken>,
}

impl Parameters {
    /// The last of a repeated parameter counts, as in Phoenix.
    pub(super) fn of(address: &Uri) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(address.query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "token" if value == NO_POLL_TOKEN => {}
                "token" => match PollToken::parse(&value) {
                    Some(token) => parameters.poll = Some(token),
                    None => parameters.token = Some(value.into_owned()),
                },
                "vsn" => parameters.vsn = Some(value.into_owned()),
                _ => {}
            }
        }
        parameters
    }
}

/// The token of a long-poll client, if it comes in a header.
pub(super) fn token_in_header(headers: &HeaderMap) -> Option<String> {
    headers.get(TOKEN_HEADER)?.to_str().ok().map(str::to_owned)
}

/// The long-poll session, if it comes in a header.
pub(super) fn poll_token(headers: &HeaderMap) -> Option<PollToken> {
    PollToken::parse(headers.get(POLL_TOKEN_HEADER)?.to_str().ok()?)
}

/// The token among the offered subprotocols, which logs of addresses do not contain.
pub(crate) fn token_in_subprotocol(headers: &HeaderMap) -> Option<String> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let encoded =
        offered.flat_map(|value| value.split(',')).find_map(|one| one.trim().strip_prefix(TOKEN_PREFIX))?;
    String::from_utf8(TOKEN_ENCODING.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_parsed() {
        let read = |address: &str| {
            let read = Parameters::of(&address.parse().unwrap());
            (read.token, read.vsn)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("/ws"), (None, None));
        assert_eq!(read("/ws?vsn=2.0.0&x=1&x=2&token=a%2Bb+c"), (some("a+b c"), some("2.0.0")));
        assert_eq!(read("/ws?token="), (some(""), None));
        assert_eq!(read("/ws?token=a&vsn=1.0.0&token=b&vsn=2.0.0"), (some("b"), some("2.0.0")));
        assert_eq!(read("/ws?token=a&token=null"), (some("a"), None));
    }

    #[test]
    fn two_kinds_of_tokens_have_one_name() {
        let session = "poll_00112233445566778899aabbccddeeff";
        for query in [format!("token=a&token={session}"), format!("token={session}&token=a")] {
            let read = Parameters::of(&format!("/socket/longpoll?{query}").parse().unwrap());
            assert_eq!(read.token.as_deref(), Some("a"));
            assert_eq!(read.poll.map(PollToken::to_text).as_deref(), Some(session));
        }
        let read = Parameters::of(&"/socket/longpoll?token=poll_00".parse().unwrap());
        assert!(read.poll.is_none() && read.token.is_some());
    }
}
