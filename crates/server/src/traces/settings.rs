//! The settings of traces, understood. Their names and meanings are those of the OpenTelemetry specification.

use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Uri};
use opentelemetry_sdk::trace::Sampler;
use percent_encoding::percent_decode_str;

use super::collector::Collector;

const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const EXACT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SHARE: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Where spans go, and which.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they go.
    pub collector: Collector,
    /// Whose they are.
    pub service: String,
    /// Which are recorded.
    pub sampler: Sampler,
}

/// The setting that makes no sense, and what was expected.
pub type Wrong = (&'static str, &'static str);

impl Settings {
    /// Understands the settings; nothing if no collector is named.
    ///
    /// # Errors
    /// The first one that makes no sense, whether a collector is named or not.
    pub fn parse<'a>(text: impl Fn(&'static str) -> &'a str) -> Result<Option<Self>, Wrong> {
        let headers = headers(text(HEADERS)).ok_or((HEADERS, "NAME=VALUE, separated by commas"))?;
        let sampler = sampler(text(SAMPLER), text(SHARE))?;
        let (name, address) = match (text(EXACT), text(BASE)) {
            ("", "") => return Ok(None),
            ("", base) => (BASE, format!("{}/v1/traces", base.trim_end_matches('/'))),
            (exact, _) => (EXACT, exact.to_owned()),
        };
        let expected = "http:// or https://, a host, perhaps a port and a path";
        let collector = collector(&address, headers).ok_or((name, expected))?;
        Ok(Some(Self { collector, service: text("OTEL_SERVICE_NAME").to_owned(), sampler }))
    }
}

fn collector(address: &str, headers: HeaderMap) -> Option<Collector> {
    let url: Uri = address.parse().ok()?;
    let https = match url.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let authority = url.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    // A port that is none is no port to the library.
    let bare = authority.as_str().len() == authority.host().len();
    let port = if bare { if https { 443 } else { 80 } } else { authority.port_u16()? };
    if host.is_empty() || url.query().is_some() {
        return None;
    }
    let path = url.path().parse().ok()?;
    Some(Collector { https, authority: authority.to_string(), host, port, path, headers })
}

fn headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let name: hyper::header::HeaderName = name.trim().parse().ok()?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let mut value: hyper::header::HeaderValue = value.parse().ok()?;
        value.set_sensitive(true);
        // These two are ours, and of each there is one.
        if name == HOST || name == CONTENT_TYPE || headers.insert(name, value).is_some() {
            return None;
        }
    }
    Some(headers)
}

fn sampler(name: &str, share: &str) -> Result<Sampler, Wrong> {
    let ratio = share.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    let some = Sampler::TraceIdRatioBased(ratio.ok_or((SHARE, "a share of the traces, 0 to 1"))?);
    let below = |root| Sampler::ParentBased(Box::new(root));
    Ok(match name {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => some,
        "parentbased_always_on" => below(Sampler::AlwaysOn),
        "parentbased_always_off" => below(Sampler::AlwaysOff),
        "parentbased_traceidratio" => below(some),
        _ => {
            return Err((
                SAMPLER,
                "always_on, always_off or traceidratio, each perhaps with parentbased_ before it",
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(settings: &'static [(&str, &str)]) -> Result<Option<Settings>, Wrong> {
        let defaults = [("OTEL_SERVICE_NAME", "tagalong"), (SAMPLER, "always_on"), (SHARE, "1")];
        let all: Vec<_> = settings.iter().copied().chain(defaults).collect();
        Settings::parse(|name| all.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value))
    }

    #[test]
    fn without_an_address_there_are_none() {
        assert!(parsed(&[]).unwrap().is_none());
        assert!(parsed(&[(HEADERS, "a=b")]).unwrap().is_none());
    }

    #[test]
    fn an_address_for_all_signals_gets_the_path_of_traces_and_one_for_traces_is_taken_as_it_is() {
        let at = |settings| {
            let Collector { https, host, port, path, .. } = parsed(settings).unwrap().unwrap().collector;
            format!("{https} {host} {port} {path}")
        };
        assert_eq!(at(&[(BASE, "http://localhost:4318")]), "false localhost 4318 /v1/traces");
        assert_eq!(at(&[(BASE, "https://otel.example/in/")]), "true otel.example 443 /in/v1/traces");
        assert_eq!(at(&[(BASE, "http://[::1]:4318")]), "false ::1 4318 /v1/traces");
        assert_eq!(at(&[(BASE, "http://a"), (EXACT, "http://b/c")]), "false b 80 /c");
        assert_eq!(at(&[(EXACT, "http://b")]), "false b 80 /");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for wrong in [
            "localhost:4318",
            "grpc://a",
            "http://",
            "http://a:b",
            "http://u:p@a",
            "http://a/?b",
            "http://a:99999",
        ] {
            let settings: &'static [_] = Box::leak(Box::new([(EXACT, wrong)]));
            assert_eq!(parsed(settings).map(drop).unwrap_err().0, EXACT, "{wrong}");
        }
        for wrong in ["a", "=b", "a b=c", "a=%0a", "a=b,A=c", "host=a", "content-type=text/plain", "a=%ff"] {
            let settings: &'static [_] = Box::leak(Box::new([(HEADERS, wrong)]));
            assert_eq!(parsed(settings).map(drop).unwrap_err().0, HEADERS, "{wrong}");
        }
        assert_eq!(parsed(&[(SAMPLER, "sometimes")]).map(drop).unwrap_err().0, SAMPLER);
        for wrong in ["", "-1", "1.1", "NaN", "half"] {
            let settings: &'static [_] = Box::leak(Box::new([(SHARE, wrong)]));
            assert_eq!(parsed(settings).map(drop).unwrap_err().0, SHARE, "{wrong}");
        }
    }

    #[test]
    fn headers_are_decoded_and_never_shown() {
        let settings = parsed(&[(BASE, "http://a"), (HEADERS, "Authorization=Bearer%20hush, x=1=2,")]);
        let collector = settings.unwrap().unwrap().collector;
        assert_eq!(collector.headers["authorization"], "Bearer hush");
        assert_eq!(collector.headers["x"], "1=2");
        assert!(!format!("{collector:?}").contains("hush"));
    }
}
