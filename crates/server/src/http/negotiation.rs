//! Content negotiation (RFC 9110, sections 12.5 and 13.1).

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName, IF_NONE_MATCH};

/// The encodings of a body, the smallest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// The name in headers; none for plain.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// The available encoding that the client prefers; among equals the first. Plain if the client accepts none of
    /// them: an answer that it may understand is better than none.
    pub(super) fn choose(headers: &HeaderMap, there_is: impl Iterator<Item = Self>) -> Self {
        let wanted = |encoding: &Self| encoding.weight(headers);
        // Among equals `max_by_key` takes the last.
        let best = there_is.collect::<Vec<_>>().into_iter().rev().max_by_key(wanted);
        best.filter(|encoding| wanted(encoding) > 0).unwrap_or(Self::Identity)
    }

    /// The client's weight for it, in thousandths.
    fn weight(self, headers: &HeaderMap) -> u16 {
        let weight_of = |name: &str| {
            elements(headers, &ACCEPT_ENCODING).find(|(coding, _)| coding.eq_ignore_ascii_case(name))
        };
        let said = self.name().map_or_else(|| weight_of("identity"), weight_of).or_else(|| weight_of("*"));
        match (said, self) {
            (Some((_, weight)), _) => weight,
            // Always acceptable, with the lowest weight.
            (None, Self::Identity) => 1,
            (None, _) => 0,
        }
    }
}

/// Whether the client has the representation with this entity tag.
pub(super) fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Whether a browser opens a page. Scripts and command lines accept any type.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    elements(headers, &ACCEPT).any(|(media, weight)| media.eq_ignore_ascii_case("text/html") && weight > 0)
}

/// The elements of a header's list, each with its weight in thousandths; an unreadable weight is 0.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, u16)> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let value = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (value, weight.map_or(1000, thousandths))
    })
}

fn thousandths(weight: &str) -> u16 {
    match weight.split_once('.').unwrap_or((weight, "")) {
        ("1", rest) if rest.len() <= 3 && rest.bytes().all(|digit| digit == b'0') => 1000,
        ("0", rest) if rest.len() <= 3 => format!("{rest:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Brotli, Encoding::Gzip, Encoding::Identity];

    fn header(name: HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_smallest_of_the_preferred_encodings_is_chosen() {
        for (values, chosen) in [
            (&[][..], Encoding::Identity),
            (&["gzip, deflate, br, zstd"], Encoding::Brotli),
            (&["gzip", "br"], Encoding::Brotli),
            (&["GZIP"], Encoding::Gzip),
            (&["br;q=0.5, gzip;q=0.8"], Encoding::Gzip),
            (&["br; q=0.001"], Encoding::Brotli),
            (&["br;q=0, *"], Encoding::Gzip),
            (&["*;q=0"], Encoding::Identity),
            (&["identity, br;q=0.9"], Encoding::Identity),
            (&["identity;q=0, gzip"], Encoding::Gzip),
            (&["br;q=2, gzip;q=1.000"], Encoding::Gzip),
            (&["br;q=x, deflate"], Encoding::Identity),
            (&["br;q=0.0000, gzip;q=-1"], Encoding::Identity),
        ] {
            let headers = header(ACCEPT_ENCODING, values);
            assert_eq!(Encoding::choose(&headers, ALL.into_iter()), chosen, "{values:?}");
        }
        let headers = header(ACCEPT_ENCODING, &["br"]);
        assert_eq!(Encoding::choose(&headers, [Encoding::Identity].into_iter()), Encoding::Identity);
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        for (value, known) in [
            (r#""a""#, true),
            (r#"W/"a""#, true),
            (r#""b", "a""#, true),
            ("*", true),
            (r#""b""#, false),
            ("a", false),
        ] {
            assert_eq!(has_already(&header(IF_NONE_MATCH, &[value]), r#""a""#), known, "{value}");
        }
    }

    #[test]
    fn only_a_browser_that_opens_a_page_gets_one() {
        for (value, wanted) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/json, Text/HTML;q=0.1", true),
            ("*/*", false),
            ("application/json", false),
            ("text/html;q=0", false),
        ] {
            assert_eq!(wants_page(&header(ACCEPT, &[value])), wanted, "{value}");
        }
    }
}
