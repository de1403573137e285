//! The settings, understood: what the server runs with.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tagalong_core::limits::{PARTICIPANTS_CEILING, SESSION_HOURS_CEILING, WATCHERS_CEILING};

use crate::cluster::redis::{self, Address};
use crate::settings::{Raw, SETTINGS, SettingError};

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
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
    /// Browser origins.
    pub origins: Origins,
    /// Directory of the database and the key.
    pub data_dir: PathBuf,
    /// The database file.
    pub database: PathBuf,
    /// Connections for reading.
    pub db_pool_size: u32,
    /// Redis, if there are to be several nodes.
    pub redis: Option<Address>,
    /// The signing key, if one was given.
    pub jwt_secret: Option<Secret>,
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
    /// Longest wait of a position for others.
    pub flush_interval_max: Duration,
    /// Messages a second from one connection.
    pub messages_per_second: u32,
    /// Whether any rate is limited.
    pub rate_limits: bool,
    /// Longest stop.
    pub shutdown_timeout: Duration,
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
        Ok(Self {
            bind: read.parsed("BIND", "an IP address")?,
            port: read.parsed("PORT", "a port, 0 to 65535")?,
            public_url: read.public_url()?,
            origins: read.origins()?,
            database: read.database(&data_dir)?,
            data_dir,
            db_pool_size: read.number("DB_POOL_SIZE", 1, 1_000)?,
            redis: read.redis()?,
            jwt_secret: read.jwt_secret()?,
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
            flush_interval_max: Duration::from_millis(read.number("FLUSH_INTERVAL_MAX_MS", 0, 1_000)?.into()),
            messages_per_second: read.number("MESSAGES_PER_SECOND", 1, 1_000)?,
            rate_limits: read.on_or_off("RATE_LIMITS")?,
            shutdown_timeout: read.seconds("SHUTDOWN_TIMEOUT_SECONDS", 600)?,
            log_level: read.parsed("LOG_LEVEL", "error, warn, info, debug or trace")?,
            log_format: read.log_format()?,
        })
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
        let value = if secret { "********" } else { value };
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

    fn log_format(&self) -> Result<LogFormat, SettingError> {
        match self.text("LOG_FORMAT") {
            "auto" => Ok(LogFormat::Auto),
            "human" => Ok(LogFormat::Human),
            "json" => Ok(LogFormat::Json),
            _ => Err(self.wrong("LOG_FORMAT", "human, json or auto")),
        }
    }

    fn jwt_secret(&self) -> Result<Option<Secret>, SettingError> {
        match self.text("JWT_SECRET") {
            "" => Ok(None),
            key if key.len() < 32 => Err(self.wrong("JWT_SECRET", "32 bytes or more")),
            key => Ok(Some(Secret(key.to_owned()))),
        }
    }

    fn database(&self, data_dir: &std::path::Path) -> Result<PathBuf, SettingError> {
        let url = self.text("DATABASE_URL");
        match url.strip_prefix("sqlite:") {
            _ if url.is_empty() => Ok(data_dir.join("tagalong.db")),
            Some(path) if !path.trim_start_matches('/').is_empty() => {
                // sqlite:data/x.db, sqlite:/var/x.db and sqlite:///var/x.db are all in use.
                let path = path.strip_prefix("//").unwrap_or(path);
                Ok(PathBuf::from(path))
            }
            _ => Err(self.wrong("DATABASE_URL", "sqlite:PATH (this version has no other database)")),
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
        let text = self.text("CORS_ORIGINS");
        if text.trim() == "*" {
            return Ok(Origins::Any);
        }
        let listed = text.split(',').map(|origin| origin.trim().trim_end_matches('/').to_ascii_lowercase());
        let listed: Vec<String> = listed.filter(|origin| !origin.is_empty()).collect();
        if listed.iter().all(|origin| is_origin(origin)) {
            return Ok(Origins::Listed(listed));
        }
        Err(self.wrong("CORS_ORIGINS", "origins such as https://example.org, separated by commas, or *"))
    }
}

/// Whether a text is a scheme, a host and perhaps a port, as browsers write origins.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    matches!(scheme, "http" | "https")
        && !authority.contains('@')
        && authority.parse::<axum::http::uri::Authority>().is_ok()
}
