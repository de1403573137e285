//! The settings, understood: what the server runs with.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use tagalong_core::limits::{PARTICIPANTS_CEILING, SESSION_HOURS_CEILING, WATCHERS_CEILING};

use crate::basemap::{Basemap, Tiles, WebUrl};
use crate::cluster::redis::{self, Address};
use crate::proxy_header::ProxyHeader;
pub use crate::settings::InForce;
use crate::settings::{MASK, Raw, SETTINGS, SettingError, without_passwords};
use crate::store::{Database, InvalidDatabase};
use crate::{tls, traces};

/// Shortest signing key: as long as what HS256 makes of it (RFC 7518, section 3.2).
const KEY_BYTES_MIN: usize = 32;
/// A key with fewer different bytes was typed, not made: 32 random hexadecimal digits have 14 on average.
const KEY_DISTINCT_BYTES_MIN: usize = 8;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A secret that was kept; nothing if it is shorter than one that we make.
    pub(crate) fn kept(text: &str) -> Option<Self> {
        (text.len() >= KEY_BYTES_MIN).then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Which browser origins may use us, beside our own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origins {
    /// Any.
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

/// What the server runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on; 0 for any that is free.
    pub port: u16,
    /// Where join links lead, as `https://host`, if not to where the request came.
    pub public_url: Option<String>,
    /// The certificate, if we end TLS ourselves.
    pub tls: Option<tls::Files>,
    /// Browser origins.
    pub origins: Origins,
    /// Directory of the database and the key.
    pub data_dir: PathBuf,
    /// Which database, and where.
    pub database: Database,
    /// Most connections to it: for reading, and with PostgreSQL for everything.
    pub db_pool_size: u32,
    /// Redis, if there are to be several nodes.
    pub redis: Option<Address>,
    /// The signing key, if one was given.
    pub jwt_secret: Option<Secret>,
    /// Keys that signed before.
    pub jwt_secrets_previous: Vec<Secret>,
    /// Longest session, and the default.
    pub max_session: Duration,
    /// A session ends after this long without activity.
    pub session_inactivity: Duration,
    /// Places in a session.
    pub max_participants: usize,
    /// Watchers in a session.
    pub max_watchers: usize,
    /// Life of a position.
    pub location_ttl: Duration,
    /// Life of a participant without a sign of it.
    pub participant_timeout: Duration,
    /// Time between cleanups.
    pub cleanup_interval: Duration,
    /// Life of what has ended.
    pub retention: Duration,
    /// Time between writing signs of life down.
    pub last_seen_interval: Duration,
    /// Life of a silent connection.
    pub heartbeat_timeout: Duration,
    /// How long somebody whose last connection is gone is still shown as connected.
    pub presence_grace: Duration,
    /// Longest wait of a position for others.
    pub flush_interval_max: Duration,
    /// Messages a second from one connection.
    pub messages_per_second: u32,
    /// Sessions that one address may make.
    pub sessions_per_hour: u32,
    /// Times that one address may join or watch.
    pub joins_per_minute: u32,
    /// Wrong guesses that one address may make.
    pub misses_per_minute: u32,
    /// Writes over REST by one person.
    pub writes_per_minute: u32,
    /// WebSockets that one address may hold open.
    pub connections_per_address: u32,
    /// Connections of any kind that one address may hold open.
    pub tcp_connections_per_address: u32,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they say who asks.
    pub trusted_proxy_header: ProxyHeader,
    /// Whether any rate is limited.
    pub rate_limits: bool,
    /// How long a stop goes on serving after it has said that it is not ready.
    pub shutdown_delay: Duration,
    /// Longest stop.
    pub shutdown_timeout: Duration,
    /// The map of the page.
    pub basemap: Basemap,
    /// All settings as text, for the operator to see.
    pub in_force: Vec<InForce>,
    /// What opens the operator's pages, if it was given.
    pub admin_token: Option<Secret>,
    /// Where metrics are served without a token.
    pub metrics_bind: Option<SocketAddr>,
    /// Where traces go.
    pub traces: Option<traces::Settings>,
    /// What is logged.
    pub log_level: tracing::Level,
    /// How it is logged.
    pub log_format: LogFormat,
}

impl Config {
    /// Understands the settings.
    ///
    /// # Errors
    /// One line that names the first setting that makes no sense.
    pub fn parse(raw: &Raw) -> Result<Self, SettingError> {
        let read = Reader(raw);
        let data_dir = PathBuf::from(read.text("DATA_DIR"));
        let database = read.database(&data_dir)?;
        Ok(Self {
            bind: read.parsed("BIND", "an IP address")?,
            port: read.parsed("PORT", "a port, 0 to 65535")?,
            public_url: read.public_url()?,
            tls: read.tls()?,
            origins: read.origins()?,
            jwt_secret: read.jwt_secret(&database)?,
            jwt_secrets_previous: read.jwt_secrets_previous()?,
            database,
            data_dir,
            db_pool_size: read.number("DB_POOL_SIZE", 1, 1_000)?,
            redis: read.redis()?,
            max_session: read.hours("MAX_SESSION_HOURS", SESSION_HOURS_CEILING)?,
            session_inactivity: read.hours("SESSION_INACTIVITY_HOURS", SESSION_HOURS_CEILING)?,
            max_participants: read.count("MAX_PARTICIPANTS_PER_SESSION", PARTICIPANTS_CEILING)?,
            max_watchers: read.count("MAX_WATCHERS_PER_SESSION", WATCHERS_CEILING)?,
            location_ttl: read.seconds("LOCATION_TTL_SECONDS", 900)?,
            participant_timeout: read.seconds_of("PARTICIPANT_TIMEOUT_MINUTES", 24 * 60, 60)?,
            cleanup_interval: read.seconds_of("CLEANUP_INTERVAL_MINUTES", 24 * 60, 60)?,
            retention: read.hours("RETENTION_HOURS", 24 * 365)?,
            last_seen_interval: read.seconds("LAST_SEEN_INTERVAL_SECONDS", 600)?,
            heartbeat_timeout: read.seconds("HEARTBEAT_TIMEOUT_SECONDS", 3600)?,
            presence_grace: read.seconds("PRESENCE_GRACE_SECONDS", 300)?,
            flush_interval_max: Duration::from_millis(read.number("FLUSH_INTERVAL_MAX_MS", 0, 1_000)?.into()),
            messages_per_second: read.number("MESSAGES_PER_SECOND", 1, 1_000)?,
            sessions_per_hour: read.number("SESSIONS_PER_HOUR", 1, 1_000_000)?,
            joins_per_minute: read.number("JOINS_PER_MINUTE", 1, 1_000_000)?,
            misses_per_minute: read.number("MISSES_PER_MINUTE", 1, 1_000_000)?,
            writes_per_minute: read.number("WRITES_PER_MINUTE", 1, 1_000_000)?,
            connections_per_address: read.number("CONNECTIONS_PER_ADDRESS", 1, 1_000_000)?,
            tcp_connections_per_address: read.tcp_connections_per_address()?,
            trusted_proxies: read.trusted_proxies()?,
            trusted_proxy_header: read.parsed("TRUSTED_PROXY_HEADER", ProxyHeader::EXPECTED)?,
            rate_limits: read.on_or_off("RATE_LIMITS")?,
            shutdown_delay: read.shutdown_delay()?,
            shutdown_timeout: read.seconds("SHUTDOWN_TIMEOUT_SECONDS", 600)?,
            basemap: read.basemap()?,
            in_force: raw.in_force(),
            admin_token: read.admin_token()?,
            metrics_bind: read.metrics_bind()?,
            traces: traces::Settings::parse(|name| read.text(name))
                .map_err(|(name, expected)| read.wrong(name, expected))?,
            log_level: read.parsed("LOG_LEVEL", "error, warn, info, debug or trace")?,
            log_format: read.log_format()?,
        })
    }
}

impl Config {
    /// Whether people reach the server over HTTPS: by its own certificate, or as `PUBLIC_URL` says.
    pub fn is_https(&self) -> bool {
        self.tls.is_some() || self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }

    /// How the server is spoken to.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

struct Reader<'a>(&'a Raw);

impl Reader<'_> {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).0
    }

    fn wrong(&self, name: &str, expected: &str) -> SettingError {
        let (value, source) = self.0.get(name);
        let secret = SETTINGS.iter().any(|setting| setting.name == name && setting.secret);
        let value = if secret { MASK.to_owned() } else { without_passwords(value) };
        SettingError(format!("{name} is {value:?} ({source}): expected {expected}"))
    }

    fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<T, SettingError> {
        self.text(name).parse().map_err(|_| self.wrong(name, expected))
    }

    fn number(&self, name: &str, min: u32, max: u32) -> Result<u32, SettingError> {
        let expected = || self.wrong(name, &format!("a whole number, {min} to {max}"));
        let number: u32 = self.text(name).parse().map_err(|_| expected())?;
        if (min..=max).contains(&number) { Ok(number) } else { Err(expected()) }
    }

    fn count(&self, name: &str, max: usize) -> Result<usize, SettingError> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        Ok(usize::try_from(self.number(name, 1, max)?).unwrap_or(1))
    }

    fn seconds_of(&self, name: &str, max: u32, unit: u64) -> Result<Duration, SettingError> {
        Ok(Duration::from_secs(u64::from(self.number(name, 1, max)?) * unit))
    }

    fn seconds(&self, name: &str, max: u32) -> Result<Duration, SettingError> {
        self.seconds_of(name, max, 1)
    }

    fn hours(&self, name: &str, max: u32) -> Result<Duration, SettingError> {
        self.seconds_of(name, max, 3600)
    }

    fn on_or_off(&self, name: &str) -> Result<bool, SettingError> {
        match self.text(name) {
            "on" | "true" | "1" => Ok(true),
            "off" | "false" | "0" => Ok(false),
            _ => Err(self.wrong(name, "on or off")),
        }
    }

    /// A stop that waits as long as it may last could do nothing else.
    fn shutdown_delay(&self) -> Result<Duration, SettingError> {
        let (name, longest) = ("SHUTDOWN_DELAY_SECONDS", "SHUTDOWN_TIMEOUT_SECONDS");
        let (delay, timeout) = (self.number(name, 0, 300)?, self.number(longest, 1, 600)?);
        if delay >= timeout {
            return Err(self.wrong(name, &format!("less than {longest}, which is {timeout}")));
        }
        Ok(Duration::from_secs(delay.into()))
    }

    /// Every WebSocket is a connection.
    fn tcp_connections_per_address(&self) -> Result<u32, SettingError> {
        let (name, of_these) = ("TCP_CONNECTIONS_PER_ADDRESS", "CONNECTIONS_PER_ADDRESS");
        let (all, websockets) = (self.number(name, 1, 1_000_000)?, self.number(of_these, 1, 1_000_000)?);
        if all < websockets {
            return Err(self.wrong(name, &format!("at least {of_these}, which is {websockets}")));
        }
        Ok(all)
    }

    fn tls(&self) -> Result<Option<tls::Files>, SettingError> {
        match (self.text("TLS_CERT_FILE"), self.text("TLS_KEY_FILE")) {
            ("", "") => Ok(None),
            (_, "") => Err(self.wrong("TLS_KEY_FILE", "the file of the certificate's key")),
            ("", _) => Err(self.wrong("TLS_CERT_FILE", "the file of the key's certificate")),
            (certificate, key) => Ok(Some(tls::Files { certificate: certificate.into(), key: key.into() })),
        }
    }

    fn trusted_proxies(&self) -> Result<Vec<IpNet>, SettingError> {
        let name = "TRUSTED_PROXIES";
        let listed = self.text(name).split(',').map(str::trim).filter(|one| !one.is_empty());
        let net = |one: &str| one.parse().or_else(|_| one.parse::<IpAddr>().map(IpNet::from));
        let nets: Result<_, _> = listed.map(net).collect();
        nets.map_err(|_| self.wrong(name, "addresses or networks such as 127.0.0.1 or 10.0.0.0/8"))
    }

    fn log_format(&self) -> Result<LogFormat, SettingError> {
        match self.text("LOG_FORMAT") {
            "auto" => Ok(LogFormat::Auto),
            "human" => Ok(LogFormat::Human),
            "json" => Ok(LogFormat::Json),
            _ => Err(self.wrong("LOG_FORMAT", "human, json or auto")),
        }
    }

    fn jwt_secret(&self, database: &Database) -> Result<Option<Secret>, SettingError> {
        match (self.text("JWT_SECRET"), database) {
            ("", Database::Sqlite(_)) => Ok(None),
            ("", Database::Postgres(_)) => Err(SettingError(
                "JWT_SECRET is needed with PostgreSQL, 32 bytes or more: every node signs with the same key"
                    .into(),
            )),
            (key, _) => self.key("JWT_SECRET", key).map(Some),
        }
    }

    fn jwt_secrets_previous(&self) -> Result<Vec<Secret>, SettingError> {
        let name = "JWT_SECRET_PREVIOUS";
        let keys = self.text(name).split(',').map(str::trim).filter(|key| !key.is_empty());
        keys.map(|key| self.key(name, key)).collect()
    }

    fn admin_token(&self) -> Result<Option<Secret>, SettingError> {
        match self.text("ADMIN_TOKEN") {
            "" => Ok(None),
            token => self.key("ADMIN_TOKEN", token).map(Some),
        }
    }

    fn metrics_bind(&self) -> Result<Option<SocketAddr>, SettingError> {
        match self.text("METRICS_BIND") {
            "" => Ok(None),
            _ => self.parsed("METRICS_BIND", "an address and port such as 127.0.0.1:9464").map(Some),
        }
    }

    fn key(&self, name: &str, key: &str) -> Result<Secret, SettingError> {
        let distinct = key.bytes().collect::<std::collections::BTreeSet<_>>().len();
        if key.len() < KEY_BYTES_MIN {
            return Err(self.wrong(name, "32 bytes or more"));
        }
        if distinct < KEY_DISTINCT_BYTES_MIN {
            return Err(self.wrong(name, "random bytes, such as `openssl rand -hex 32` makes"));
        }
        Ok(Secret(key.to_owned()))
    }

    fn database(&self, data_dir: &Path) -> Result<Database, SettingError> {
        match self.text("DATABASE_URL") {
            "" => Ok(Database::Sqlite(data_dir.join("tagalong.db"))),
            url => url
                .parse()
                .map_err(|expected: InvalidDatabase| self.wrong("DATABASE_URL", &expected.to_string())),
        }
    }

    fn redis(&self) -> Result<Option<Address>, SettingError> {
        match self.text("REDIS_URL") {
            "" => Ok(None),
            url => Address::parse(url).map(Some).map_err(|_| self.wrong("REDIS_URL", redis::EXPECTED)),
        }
    }

    fn public_url(&self) -> Result<Option<String>, SettingError> {
        let text = self.text("PUBLIC_URL").trim_end_matches('/');
        if text.is_empty() {
            return Ok(None);
        }
        // PHX_HOST of the replaced system is a bare host, served over HTTPS.
        let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        if is_origin(&url) {
            Ok(Some(url))
        } else {
            Err(self.wrong("PUBLIC_URL", "an address such as https://example.org"))
        }
    }

    fn origins(&self) -> Result<Origins, SettingError> {
        if self.text("CORS_ORIGINS").trim() == "*" {
            return Ok(Origins::Any);
        }
        let expected = "origins such as https://example.org, separated by commas, or *";
        Ok(Origins::Listed(self.listed("CORS_ORIGINS", is_origin, expected)?))
    }

    fn listed(
        &self,
        name: &str,
        sane: impl Fn(&str) -> bool,
        expected: &str,
    ) -> Result<Vec<String>, SettingError> {
        let text = self.text(name);
        let listed = text.split(',').map(|origin| origin.trim().trim_end_matches('/').to_ascii_lowercase());
        let listed: Vec<String> = listed.filter(|origin| !origin.is_empty()).collect();
        if listed.iter().all(|origin| sane(origin)) { Ok(listed) } else { Err(self.wrong(name, expected)) }
    }

    fn basemap(&self) -> Result<Basemap, SettingError> {
        let attribution = self.text("TILE_ATTRIBUTION").to_owned();
        let max_zoom = self.number("TILE_MAX_ZOOM", 0, 24)?.try_into().unwrap_or(u8::MAX);
        let is_web_origin = |text: &str| WebUrl::parse(text).is_some_and(|url| url.origin() == text);
        let expected = "origins such as https://example.org, separated by commas";
        let origins = self.listed("MAP_ORIGINS", is_web_origin, expected)?;
        match (self.text("MAP_STYLE_URL"), self.text("TILE_URL")) {
            ("", "off") => Ok(Basemap::Outline),
            ("", url) => {
                let whole = ["{z}", "{x}", "{y}"].iter().all(|part| url.contains(part));
                let url = WebUrl::parse(url).filter(|_| whole);
                let wrong = || self.wrong("TILE_URL", "https://…/{z}/{x}/{y}…, or off");
                Ok(Basemap::Tiles(Tiles { url: url.ok_or_else(wrong)?, attribution, max_zoom }))
            }
            (url, _) => {
                let wrong =
                    || self.wrong("MAP_STYLE_URL", "an address such as https://example.org/style.json");
                Ok(Basemap::Style { url: WebUrl::parse(url).ok_or_else(wrong)?, origins })
            }
        }
    }
}

/// Whether a text is a scheme, a host and perhaps a port, as browsers write origins.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    matches!(scheme, "http" | "https")
        && !authority.contains('@')
        && authority.parse::<axum::http::uri::Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(settings: &[(&str, &str)]) -> Result<Config, SettingError> {
        let mut raw = Raw::default();
        raw.read_environment(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Config::parse(&raw)
    }

    #[test]
    fn a_stop_has_time_left_after_its_delay() {
        let (delay, timeout) = ("SHUTDOWN_DELAY_SECONDS", "SHUTDOWN_TIMEOUT_SECONDS");
        let refused = parsed(&[(delay, "30")]).unwrap_err().to_string();
        let said = "SHUTDOWN_DELAY_SECONDS is \"30\" (environment): expected less than SHUTDOWN_TIMEOUT_SECONDS, which is 30";
        assert_eq!(refused, said);
        assert!(parsed(&[(delay, "5"), (timeout, "5")]).is_err());
        assert!(parsed(&[(delay, "29")]).is_ok() && parsed(&[(delay, "30"), (timeout, "31")]).is_ok());
    }

    #[test]
    fn of_connections_there_are_as_many_as_of_websockets() {
        let (all, websockets) = ("TCP_CONNECTIONS_PER_ADDRESS", "CONNECTIONS_PER_ADDRESS");
        assert!(parsed(&[(all, "9"), (websockets, "10")]).is_err());
        let refused = parsed(&[(websockets, "5000")]).unwrap_err().to_string();
        assert!(refused.starts_with("TCP_CONNECTIONS_PER_ADDRESS is \"2000\" (default): "), "{refused}");
        assert!(parsed(&[(all, "10"), (websockets, "10")]).is_ok());
    }

    #[test]
    fn https_is_what_the_settings_say() {
        for (settings, https) in [
            (&[][..], false),
            (&[("PUBLIC_URL", "http://example.org")][..], false),
            (&[("PUBLIC_URL", "https://example.org")][..], true),
            (&[("PUBLIC_URL", "example.org")][..], true),
            (&[("TLS_CERT_FILE", "c.pem"), ("TLS_KEY_FILE", "k.pem")][..], true),
        ] {
            assert_eq!(parsed(settings).unwrap().is_https(), https, "{settings:?}");
        }
    }

    #[test]
    fn with_postgresql_the_nodes_need_a_key_in_common() {
        let url = ("DATABASE_URL", "postgres://ada:hunter2@db.example/trips");
        let refused = parsed(&[url]).unwrap_err().to_string();
        assert!(refused.starts_with("JWT_SECRET is needed with PostgreSQL"), "{refused}");
        assert!(parsed(&[url, ("JWT_SECRET", "short")]).is_err());
        let config = parsed(&[url, ("JWT_SECRET", "0123456789abcdef0123456789abcdef")]).unwrap();
        assert!(matches!(config.database, Database::Postgres(_)));
        assert!(!format!("{config:?}").contains("hunter2"));
        let wrong = parsed(&[("DATABASE_URL", "postgres://ada:hunter2@db.example/trips?sslmod=require")]);
        assert!(!wrong.unwrap_err().to_string().contains("hunter2"));
        assert!(parsed(&[]).unwrap().jwt_secret.is_none());
    }
}
