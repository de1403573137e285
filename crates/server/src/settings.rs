//! Every setting, once: from this table come the flags, the environment variables, the keys of `.env` and
//! of the configuration file, and what `tagalong config` prints.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A setting as people see it.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable. In small letters, the key in the file; with hyphens, the flag.
    pub name: &'static str,
    /// Variables of the system that we take the place of, read where `name` is not given.
    pub aliases: &'static [&'static str],
    /// What holds when nobody says anything; empty for none.
    pub default: &'static str,
    /// What it is for, in one sentence.
    pub help: &'static str,
    /// Whether its value must not be shown.
    pub secret: bool,
}

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, aliases: &[], default, help, secret: false }
}

impl Setting {
    const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The command line flag, without the two hyphens.
    pub fn flag(&self) -> String {
        self.key().replace('_', "-")
    }

    /// The key in the configuration file.
    pub fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}

/// All of them.
pub const SETTINGS: &[Setting] = &[
    setting("BIND", "0.0.0.0", "Address to listen on"),
    setting("PORT", "4000", "Port for HTTP and WebSocket together").also(&["PHX_PORT"]),
    setting("PUBLIC_URL", "", "Address used in join links; without it, taken from the request")
        .also(&["FRONTEND_URL", "PHX_HOST"]),
    setting("TLS_CERT_FILE", "", "Certificate and its chain in PEM, to serve HTTPS without a proxy"),
    setting("TLS_KEY_FILE", "", "Private key of the certificate in PEM"),
    setting("CORS_ORIGINS", "", "Browser origins allowed beside our own, separated by commas; * for all"),
    setting("DATA_DIR", "./data", "Directory of the database and the signing key"),
    setting(
        "DATABASE_URL",
        "",
        "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE; without it, tagalong.db in the data directory",
    )
    .secret(),
    setting("DB_POOL_SIZE", "10", "Most database connections"),
    setting(
        "REDIS_URL",
        "",
        "Redis through which several nodes see each other; without it, there is one node",
    )
    .secret(),
    setting(
        "JWT_SECRET",
        "",
        "Key that signs tokens, 32 bytes or more; needed with PostgreSQL, else made once and kept in the data directory",
    )
    .secret(),
    setting(
        "JWT_SECRET_PREVIOUS",
        "",
        "Keys that signed tokens before, separated by commas: their tokens still open what they opened",
    )
    .secret(),
    setting("MAX_SESSION_HOURS", "24", "Longest session, and the default length"),
    setting("SESSION_INACTIVITY_HOURS", "1", "A session ends after this long without any activity"),
    setting("MAX_PARTICIPANTS_PER_SESSION", "50", "Participants in a session"),
    setting("MAX_WATCHERS_PER_SESSION", "200", "Watchers in a session"),
    setting("LOCATION_TTL_SECONDS", "30", "Life of a position"),
    setting(
        "PARTICIPANT_TIMEOUT_MINUTES",
        "30",
        "A participant without a sign of life counts as gone after this",
    ),
    setting("CLEANUP_INTERVAL_MINUTES", "5", "Background cleanup runs this often"),
    setting(
        "RETENTION_HOURS",
        "24",
        "That a session has ended or expired is known for this long; names are deleted at the end itself",
    ),
    setting("LAST_SEEN_INTERVAL_SECONDS", "10", "Signs of life are written to the database this often"),
    setting("HEARTBEAT_TIMEOUT_SECONDS", "75", "A silent connection is closed after this"),
    setting("PRESENCE_GRACE_SECONDS", "10", "Who lost the connection is shown as offline after this"),
    setting(
        "FLUSH_INTERVAL_MAX_MS",
        "100",
        "The longest that a position waits to be written with others; 0 for never",
    ),
    setting("MESSAGES_PER_SECOND", "20", "Messages that one participant may send, over all connections to a server"),
    setting("SESSIONS_PER_HOUR", "60", "Sessions that one address may make"),
    setting("JOINS_PER_MINUTE", "120", "Times that one address may join or watch"),
    setting(
        "MISSES_PER_MINUTE",
        "60",
        "Tokens that do not hold, and sessions that do not exist, from one address",
    ),
    setting(
        "WRITES_PER_MINUTE",
        "120",
        "Changes over REST by one person or one session's creator, at most 20 at once",
    ),
    setting("CONNECTIONS_PER_ADDRESS", "500", "WebSockets that one address may hold open"),
    setting(
        "TCP_CONNECTIONS_PER_ADDRESS",
        "2000",
        "Connections of any kind that one address, unless it is a trusted proxy, may hold open",
    ),
    setting(
        "TRUSTED_PROXIES",
        "",
        "Proxies that say where requests come from, as addresses or networks, separated by commas",
    ),
    setting(
        "TRUSTED_PROXY_HEADER",
        "x-forwarded-for",
        "The header in which they say it: x-forwarded-for, forwarded, x-real-ip or cf-connecting-ip; no other is read",
    ),
    setting("RATE_LIMITS", "on", "off turns all rate limits off, for benchmarks and tests"),
    setting(
        "SHUTDOWN_DELAY_SECONDS",
        "0",
        "How long a stop goes on serving after it has said that it is not ready, for load balancers",
    ),
    setting("SHUTDOWN_TIMEOUT_SECONDS", "30", "The longest that a stop may take"),
    setting(
        "TILE_URL",
        "https://tile.openstreetmap.org/{z}/{x}/{y}.png",
        "Map images, an address with {z}, {x} and {y}; off for none",
    ),
    setting(
        "TILE_ATTRIBUTION",
        r#"© <a href="https://www.openstreetmap.org/copyright" target="_blank" rel="noopener">OpenStreetMap</a> contributors"#,
        "Whose map it is, as HTML",
    ),
    setting("TILE_MAX_ZOOM", "19", "The deepest zoom that there are images for"),
    setting("MAP_STYLE_URL", "", "A MapLibre style, in place of images"),
    setting("MAP_ORIGINS", "", "Origins beside its own that the style loads from, separated by commas"),
    setting(
        "ADMIN_TOKEN",
        "",
        "Opens /metrics and /dashboard, 32 bytes or more; without it, made once and kept as admin.token in the data directory",
    )
    .secret(),
    setting("METRICS_BIND", "", "Address and port on which /metrics answers everybody, without a token"),
    setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "Collector of traces, by OTLP over HTTP, such as http://localhost:4318; without it, nothing is traced",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "",
        "The same with its whole path, in place of the one above, which gets /v1/traces",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "",
        "Headers for the collector, such as its key: NAME=VALUE, separated by commas, percent-encoded",
    )
    .secret(),
    setting("OTEL_SERVICE_NAME", "tagalong", "What the collector knows this server as"),
    setting(
        "OTEL_TRACES_SAMPLER",
        "parentbased_always_on",
        "Which traces: always_on, always_off, traceidratio, or these with parentbased_ before it",
    ),
    setting("OTEL_TRACES_SAMPLER_ARG", "1", "With traceidratio, the share of all traces, 0 to 1"),
    setting("LOG_LEVEL", "info", "error, warn, info, debug or trace"),
    setting("LOG_FORMAT", "auto", "human, json, or auto: human on a terminal, JSON elsewhere"),
];

/// Variables of the replaced system that its `.env` may hold and that mean nothing here.
const FOREIGN: &[&str] = &["ECTO_IPV6", "MIX_ENV", "PHX_SERVER", "POOL_SIZE", "SECRET_KEY_BASE"];

/// Likeness (Jaro and Winkler's, 0 to 1) from which on a name is probably a mistyped other one.
const LIKELY_MEANT: f64 = 0.8;

/// Stands in place of a secret.
pub(crate) const MASK: &str = "********";

/// Where a value came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// The table above.
    Default,
    /// The configuration file.
    File,
    /// `.env` in the working directory.
    DotEnv,
    /// The environment.
    Environment,
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "config file",
            Self::DotEnv => ".env",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// A setting as it holds.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct InForce {
    /// Its name.
    pub name: &'static str,
    /// Its value, masked if it is secret; empty for none.
    pub value: String,
    /// Where that came from.
    pub source: String,
}

/// One line that says which setting is wrong, and how.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(pub String);

/// The settings as text, and where each came from.
#[derive(Clone, Debug, Default)]
pub struct Raw(BTreeMap<&'static str, (String, Source)>);

impl Raw {
    /// The value in force; empty for none.
    pub fn get(&self, name: &str) -> (&str, Source) {
        if let Some((value, source)) = self.0.get(name) {
            return (value, *source);
        }
        let default =
            SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default);
        (default, Source::Default)
    }

    /// Sets a value unless one from a stronger source is there. An empty one is none.
    fn set(&mut self, setting: &'static Setting, value: String, source: Source) {
        if value.is_empty() || self.0.get(setting.name).is_some_and(|(_, known)| *known > source) {
            return;
        }
        self.0.insert(setting.name, (value, source));
    }

    /// Sets a value from the command line.
    pub fn set_flag(&mut self, setting: &'static Setting, value: String) {
        self.set(setting, value, Source::Flag);
    }

    /// Reads environment variables; those that are none of ours are somebody else's.
    pub fn read_environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        let variables: BTreeMap<String, String> = variables.collect();
        for setting in SETTINGS {
            let names = std::iter::once(&setting.name).chain(setting.aliases);
            let given = names.filter_map(|name| variables.get(*name)).find(|value| !value.is_empty());
            if let Some(value) = given {
                self.set(setting, value.clone(), Source::Environment);
            }
        }
    }

    /// Reads `.env`, if it is there.
    ///
    /// # Errors
    /// When it cannot be read or holds a key that is no setting.
    pub fn read_dot_env(&mut self, path: &Path) -> Result<(), SettingError> {
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return Ok(()),
            Err(error) => return Err(SettingError(format!("{}: {error}", path.display()))),
        };
        for line in lines {
            let (key, value) =
                line.map_err(|_| SettingError(format!("{}: not KEY=value lines", path.display())))?;
            if FOREIGN.contains(&key.as_str()) {
                continue;
            }
            let known = |setting: &&Setting| setting.name == key || setting.aliases.contains(&key.as_str());
            let setting = SETTINGS.iter().find(known).ok_or_else(|| unknown(&key, path))?;
            self.set(setting, value, Source::DotEnv);
        }
        Ok(())
    }

    /// Reads a TOML file with one `key = value` for each setting.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or holds a key that is no setting.
    pub fn read_file(&mut self, path: &Path) -> Result<(), SettingError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SettingError(format!("{}: {error}", path.display())))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            SettingError(format!("{}: {}", path.display(), error.message()))
        })?;
        for (key, value) in table {
            let known = SETTINGS.iter().find(|setting| setting.key() == key);
            let setting = known.ok_or_else(|| unknown(&key, path))?;
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(on) => if on { "on" } else { "off" }.to_owned(),
                _ => {
                    return Err(SettingError(format!(
                        "{}: {key}: expected text or a number",
                        path.display()
                    )));
                }
            };
            self.set(setting, value, Source::File);
        }
        Ok(())
    }

    /// Reads all but the flags: the file (the one named, or `tagalong.toml` if it is there), `.env`, and the
    /// environment.
    ///
    /// # Errors
    /// As the single readers.
    pub fn read_all(
        &mut self,
        directory: &Path,
        file: Option<PathBuf>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(), SettingError> {
        let usual = directory.join("tagalong.toml");
        if let Some(file) = file.or_else(|| usual.exists().then_some(usual)) {
            self.read_file(&file)?;
        }
        self.read_dot_env(&directory.join(".env"))?;
        self.read_environment(environment);
        Ok(())
    }

    /// The settings in force, secrets masked.
    pub fn in_force(&self) -> Vec<InForce> {
        let shown = |setting: &Setting| {
            let (value, source) = self.get(setting.name);
            let masked = setting.secret && !value.is_empty();
            let value = if masked { MASK.to_owned() } else { without_userinfo(value) };
            InForce { name: setting.name, value, source: source.to_string() }
        };
        SETTINGS.iter().map(shown).collect()
    }

    /// The same, a line each.
    pub fn table(&self) -> String {
        let line = |InForce { name, value, source }: InForce| {
            let value = if value.is_empty() { "-" } else { &value };
            format!("{name:<30} {value:<28} {source}\n")
        };
        self.in_force().into_iter().map(line).collect()
    }
}

/// A value that makes no sense, without what may be a user's name and password in it: they stand before an `@`, and may
/// hold anything in an address that is wrong. A query may hold a key.
pub(crate) fn without_passwords(value: &str) -> String {
    let (scheme, rest) = value.split_at(value.find("://").map_or(0, |place| place + "://".len()));
    let (userinfo, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| (MASK, rest));
    let at = if userinfo.is_empty() { "" } else { "@" };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, MASK));
    let mark = if query.is_empty() { "" } else { "?" };
    [scheme, userinfo, at, rest, mark, query].concat()
}

/// A value without the user's name and password of each address in it.
fn without_userinfo(value: &str) -> String {
    let mut shown = String::new();
    for (number, part) in value.split("://").enumerate() {
        let end = part.find(['/', '?', '#', ',', ' ', '"']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        match authority.rsplit_once('@').filter(|_| number > 0) {
            Some((_, host)) => shown.extend(["://", MASK, "@", host, rest]),
            None if number > 0 => shown.extend(["://", part]),
            None => shown.push_str(part),
        }
    }
    shown
}

fn unknown(key: &str, path: &Path) -> SettingError {
    let likeness = |setting: &&Setting| strsim::jaro_winkler(&setting.key(), &key.to_ascii_lowercase());
    let near = SETTINGS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = near
        .filter(|near| likeness(near) > LIKELY_MEANT)
        .map_or(String::new(), |near| format!(" (did you mean {}?)", near.name));
    SettingError(format!("{}: unknown setting {key}{hint}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_address_has_no_password() {
        for (value, shown) in [
            ("https://u:p@a.example/x", "https://********@a.example/x"),
            ("https://u@a.example", "https://********@a.example"),
            ("http://a.example, http://u:p@b.example:1?c", "http://a.example, http://********@b.example:1?c"),
            ("https://a.example/p@1.2/style.json", "https://a.example/p@1.2/style.json"),
            (
                "© <a href=\"https://a.example/c\">A</a> me@a.example",
                "© <a href=\"https://a.example/c\">A</a> me@a.example",
            ),
            ("./data", "./data"),
            ("", ""),
        ] {
            assert_eq!(without_userinfo(value), shown);
        }
    }

    #[test]
    fn what_is_said_of_a_wrong_value_has_nothing_that_may_be_a_password() {
        for (value, shown) in [
            ("http://u:p@c:1", "http://********@c:1"),
            ("http://u:p/a?s#s@c:1", "http://********@c:1"),
            ("http://a,http://u:p@c,http://b", "http://********@c,http://b"),
            ("u:p@c", "********@c"),
            ("http://c:1/x?key=k", "http://c:1/x?********"),
            ("http:/u:p@c/x?key=k&other=k", "********@c/x?********"),
            ("70000", "70000"),
        ] {
            assert_eq!(without_passwords(value), shown);
        }
    }
}
