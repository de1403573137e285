//! What a client shows at a door: a token and a version in the query, or the token among the subprotocols.

use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// What stands before a token in the list of offered subprotocols.
const TOKEN_PREFIX: &str = "base64url.bearer.phx.";
/// The standard alphabet in spite of the prefix's name, padded or not: what the official client sends.
const TOKEN_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a door reads from the query; any other parameter is the client's own.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) token: Option<String>,
    pub(super) vsn: Option<String>,
}

impl Parameters {
    /// Of a parameter that is repeated the last counts, as in Phoenix.
    pub(super) fn of(address: &Uri) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(address.query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "token" => parameters.token = Some(value.into_owned()),
                "vsn" => parameters.vsn = Some(value.into_owned()),
                _ => {}
            }
        }
        parameters
    }
}

/// The token that is offered as a subprotocol, where no log of addresses has it.
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
    fn what_the_query_says() {
        let read = |address: &str| {
            let read = Parameters::of(&address.parse().unwrap());
            (read.token, read.vsn)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("/ws"), (None, None));
        assert_eq!(read("/ws?vsn=2.0.0&x=1&x=2&token=a%2Bb+c"), (some("a+b c"), some("2.0.0")));
        assert_eq!(read("/ws?token="), (some(""), None));
        assert_eq!(read("/ws?token=a&vsn=1.0.0&token=b&vsn=2.0.0"), (some("b"), some("2.0.0")));
    }
}
