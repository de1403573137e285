//! The types of settings: how their text is parsed, and the description of valid values.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use tagalong_platform::traces;
use tagalong_store::{Database, InvalidDatabase};

use super::mask::MASK;
use crate::basemap::WebUrl;

/// Shortest signing key: the length of the output of HS256 (RFC 7518, section 3.2).
const KEY_BYTES_MIN: usize = 32;
/// A key with fewer different bytes was typed, not generated: 32 random hexadecimal digits have 14 on average.
const KEY_DISTINCT_BYTES_MIN: usize = 8;

/// The description of valid values.
pub(super) type Expected = Cow<'static, str>;

type Parse<T> = dyn Fn(&str) -> Result<T, Expected>;

/// The parser of a value.
pub(super) struct Form<T> {
    accepts: Expected,
    parse: Box<Parse<T>>,
}

impl<T: 'static> Form<T> {
    pub(super) fn new(accepts: impl Into<Expected>, parse: impl Fn(&str) -> Option<T> + 'static) -> Self {
        let accepts = accepts.into();
        let expected = accepts.clone();
        Self { accepts, parse: Box::new(move |text| parse(text).ok_or_else(|| expected.clone())) }
    }

    pub(super) fn accepts(self) -> Expected {
        self.accepts
    }

    pub(super) fn parse(&self, text: &str) -> Result<T, Expected> {
        (self.parse)(text)
    }

    /// The same for a setting that may have no value.
    pub(super) fn or_none(self) -> Form<Option<T>> {
        let parse = move |text: &str| if text.is_empty() { Ok(None) } else { (self.parse)(text).map(Some) };
        Form { accepts: self.accepts, parse: Box::new(parse) }
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A secret from a file or setting; `None` if it is shorter than a generated one.
    pub(crate) fn kept(text: &str) -> Option<Self> {
        (text.len() >= KEY_BYTES_MIN).then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Browser origins that may use the server, besides its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origins {
    Any,
    /// These, as `https://host:port`.
    Listed(Vec<String>),
}

/// How the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// For machines.
    Json,
}

pub(super) fn parsed<T: FromStr + 'static>(accepts: impl Into<Expected>) -> Form<T> {
    Form::new(accepts, |text| text.parse().ok())
}

pub(super) fn number<T: FromStr + PartialOrd + Display + 'static>(range: RangeInclusive<T>) -> Form<T> {
    let accepts = format!("a whole number, {} to {}", range.start(), range.end());
    Form::new(accepts, move |text| text.parse().ok().filter(|number| range.contains(number)))
}

fn duration(unit: &str, range: RangeInclusive<u32>, make: fn(u64) -> Duration) -> Form<Duration> {
    let accepts = format!("a whole number of {unit}, {} to {}", range.start(), range.end());
    let whole = number(range);
    Form::new(accepts, move |text| whole.parse(text).ok().map(|count| make(count.into())))
}

pub(super) fn milliseconds(range: RangeInclusive<u32>) -> Form<Duration> {
    duration("milliseconds", range, Duration::from_millis)
}

pub(super) fn seconds(range: RangeInclusive<u32>) -> Form<Duration> {
    duration("seconds", range, Duration::from_secs)
}

pub(super) fn minutes(range: RangeInclusive<u32>) -> Form<Duration> {
    duration("minutes", range, |count| Duration::from_secs(count * 60))
}

pub(super) fn hours(range: RangeInclusive<u32>) -> Form<Duration> {
    duration("hours", range, |count| Duration::from_secs(count * 3600))
}

pub(super) fn share() -> Form<f64> {
    Form::new("a share of the traces, 0 to 1", |text| {
        text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
    })
}

pub(super) fn log_format() -> Form<LogFormat> {
    Form::new("human, json or auto", |text| match text {
        "auto" => Some(LogFormat::Auto),
        "human" => Some(LogFormat::Human),
        "json" => Some(LogFormat::Json),
        _ => None,
    })
}

pub(super) fn on_or_off() -> Form<bool> {
    Form::new("on or off", |text| match text {
        "on" | "true" | "1" => Some(true),
        "off" | "false" | "0" => Some(false),
        _ => None,
    })
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

pub(super) fn list<T: 'static>(item: Form<T>) -> Form<Vec<T>> {
    let accepts = format!("{}, separated by commas", item.accepts).into();
    Form { accepts, parse: Box::new(move |text| items(text).map(|one| item.parse(one)).collect()) }
}

pub(super) fn network() -> Form<IpNet> {
    Form::new("addresses or networks such as 127.0.0.1 or 10.0.0.0/8", |text| {
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()
    })
}

pub(super) fn signing_key() -> Form<Secret> {
    let parse = |key: &str| {
        let distinct = key.bytes().collect::<BTreeSet<_>>().len();
        if distinct < KEY_DISTINCT_BYTES_MIN && key.len() >= KEY_BYTES_MIN {
            return Err("random bytes, such as `openssl rand -hex 32` makes".into());
        }
        Secret::kept(key).ok_or("32 bytes or more".into())
    };
    Form { accepts: "32 bytes or more".into(), parse: Box::new(parse) }
}

pub(super) fn database() -> Form<Database> {
    let parse = |url: &str| url.parse().map_err(|expected: InvalidDatabase| expected.to_string().into());
    Form { accepts: InvalidDatabase::Url.to_string().into(), parse: Box::new(parse) }
}

/// Whether a text is an origin in the form of browsers: scheme, host, and perhaps a port.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    matches!(scheme, "http" | "https")
        && !authority.contains('@')
        && authority.parse::<axum::http::uri::Authority>().is_ok()
}

pub(super) fn public_url() -> Form<String> {
    Form::new("an address such as https://example.org", |text| {
        let text = text.trim_end_matches('/');
        // PHX_HOST of the replaced system is a bare host, served over HTTPS.
        let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        is_origin(&url).then_some(url)
    })
}

fn listed_origins(text: &str, is_valid: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let origins = text.split(',').map(|origin| origin.trim().trim_end_matches('/').to_ascii_lowercase());
    let origins: Vec<String> = origins.filter(|origin| !origin.is_empty()).collect();
    origins.iter().all(|origin| is_valid(origin)).then_some(origins)
}

pub(super) fn origins() -> Form<Origins> {
    Form::new("origins such as https://example.org, separated by commas, or *", |text| match text.trim() {
        "*" => Some(Origins::Any),
        listed => listed_origins(listed, is_origin).map(Origins::Listed),
    })
}

pub(super) fn map_origins() -> Form<Vec<String>> {
    let is_web_origin = |text: &str| WebUrl::parse(text).is_some_and(|url| url.origin() == text);
    Form::new("origins such as https://example.org, separated by commas", move |text| {
        listed_origins(text, is_web_origin)
    })
}

pub(super) fn tile_url() -> Form<Option<WebUrl>> {
    Form::new("https://…/{z}/{x}/{y}…, or off", |text| {
        let is_whole = ["{z}", "{x}", "{y}"].iter().all(|part| text.contains(part));
        if text == "off" { Some(None) } else { WebUrl::parse(text).filter(|_| is_whole).map(Some) }
    })
}

/// The address of a collector, to which a path is appended.
pub(super) fn collector(path: &'static str) -> Form<traces::Collector> {
    Form::new("http:// or https://, a host, perhaps a port and a path", move |text| {
        if path.is_empty() {
            return traces::Collector::parse(text);
        }
        traces::Collector::parse(&format!("{}{path}", text.trim_end_matches('/')))
    })
}
