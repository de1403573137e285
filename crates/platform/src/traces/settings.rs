//! The settings of traces, parsed. Their names and meanings are those of the OpenTelemetry specification.

use std::str::FromStr;

use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Uri};
use opentelemetry_sdk::trace::Sampler;
use percent_encoding::percent_decode_str;

use super::collector::Collector;

/// The settings of traces.
#[derive(Clone, Debug)]
pub struct Settings {
    pub collector: Collector,
    pub service: String,
    pub sampler: Sampler,
}

impl Collector {
    /// Parses an address, without the headers.
    pub fn parse(address: &str) -> Option<Self> {
        let url: Uri = address.parse().ok()?;
        let https = match url.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        // The library ignores an invalid port.
        let bare = authority.as_str().len() == authority.host().len();
        let port = if bare { if https { 443 } else { 80 } } else { authority.port_u16()? };
        if host.is_empty() || url.query().is_some() {
            return None;
        }
        let path = url.path().parse().ok()?;
        let authority = authority.to_string();
        Some(Self { https, authority, host, port, path, headers: HeaderMap::new() })
    }

    /// The same with headers.
    pub fn with(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }
}

/// Parses headers: `NAME=VALUE`, separated by commas, values percent-encoded.
pub fn headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let name: hyper::header::HeaderName = name.trim().parse().ok()?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let mut value: hyper::header::HeaderValue = value.parse().ok()?;
        value.set_sensitive(true);
        // The exporter sets these two itself.
        if name == HOST || name == CONTENT_TYPE || headers.insert(name, value).is_some() {
            return None;
        }
    }
    Some(headers)
}

/// The kind of sampler, without its share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sampling {
    /// Whether the parent's decision takes precedence.
    by_parent: bool,
    root: Root,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Root {
    All,
    None,
    Share,
}

/// The text names no sampler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownSampler;

impl FromStr for Sampling {
    type Err = UnknownSampler;

    fn from_str(text: &str) -> Result<Self, UnknownSampler> {
        let (by_parent, root) = text.strip_prefix("parentbased_").map_or((false, text), |root| (true, root));
        let root = match root {
            "always_on" => Root::All,
            "always_off" => Root::None,
            "traceidratio" => Root::Share,
            _ => return Err(UnknownSampler),
        };
        Ok(Self { by_parent, root })
    }
}

impl Sampling {
    /// The sampler; `share`, 0 to 1, is that of `traceidratio`.
    pub fn sampler(self, share: f64) -> Sampler {
        let root = match self.root {
            Root::All => Sampler::AlwaysOn,
            Root::None => Sampler::AlwaysOff,
            Root::Share => Sampler::TraceIdRatioBased(share),
        };
        if self.by_parent { Sampler::ParentBased(Box::new(root)) } else { root }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collector_address_has_a_host_a_port_and_a_path() {
        for (address, parsed) in [
            ("http://localhost:4318/v1/traces", "false localhost 4318 /v1/traces"),
            ("https://otel.example/in/", "true otel.example 443 /in/"),
            ("http://[::1]:4318", "false ::1 4318 /"),
        ] {
            let Collector { https, host, port, path, .. } = Collector::parse(address).unwrap();
            assert_eq!(format!("{https} {host} {port} {path}"), parsed);
        }
        for wrong in [
            "localhost:4318",
            "grpc://a",
            "http://",
            "http://a:b",
            "http://u:p@a",
            "http://a/?b",
            "http://a:99999",
        ] {
            assert!(Collector::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn parsedare_decoded_and_never_shown() {
        let parsed = headers("Authorization=Bearer%20hush, x=1=2,").unwrap();
        assert_eq!(parsed["authorization"], "Bearer hush");
        assert_eq!(parsed["x"], "1=2");
        let collector = Collector::parse("http://a").unwrap().with(parsed);
        assert!(!format!("{collector:?}").contains("hush"));
        for wrong in ["a", "=b", "a b=c", "a=%0a", "a=b,A=c", "host=a", "content-type=text/plain", "a=%ff"] {
            assert!(headers(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn sampler_is_named_as_in_the_specification() {
        let sampler = |name: &str| format!("{:?}", name.parse::<Sampling>().unwrap().sampler(0.5));
        assert_eq!(sampler("always_on"), "AlwaysOn");
        assert_eq!(sampler("always_off"), "AlwaysOff");
        assert_eq!(sampler("traceidratio"), "TraceIdRatioBased(0.5)");
        assert_eq!(sampler("parentbased_always_off"), "ParentBased(AlwaysOff)");
        for wrong in ["", "sometimes", "parentbased_", "parentbased_parentbased_always_on"] {
            assert_eq!(wrong.parse::<Sampling>(), Err(UnknownSampler), "{wrong}");
        }
    }
}
