//! Every setting, once. From these rows come the flags, the environment variables, the keys of `.env` and of the
//! configuration file, `Config`, what `tagalong config` and `--help` print, the README's table and `.env.example`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use hyper::HeaderMap;
use ipnet::IpNet;
use tagalong_core::limits::{PARTICIPANTS_CEILING, SESSION_HOURS_CEILING, WATCHERS_CEILING};
use tagalong_platform::traces;
use tagalong_realtime::cluster::redis::{self, Address};
use tagalong_store::Database;

use super::combined;
use super::declare::{Setting, Typed, settings};
use super::sources::{InForce, Raw, SettingError};
use super::values::{
    Form, LogFormat, Origins, Secret, collector, database, hours, list, log_format, map_origins,
    milliseconds, minutes, network, number, on_or_off, origins, parsed, public_url, seconds, share,
    signing_key, tile_url,
};
use crate::basemap::{Basemap, WebUrl};
use crate::proxy_header::ProxyHeader;
use crate::tls;

settings! {
    /// The configuration of a server.
    #[derive(Clone, Debug)]
    pub struct Config {
        /// IP address to listen on
        BIND => bind: IpAddr = "0.0.0.0", parsed("an IP address");
        /// Port for HTTP and WebSocket; 0 takes any free port
        PORT | PHX_PORT => port: u16 = "4000", parsed("a port, 0 to 65535");
        /// Address of the server in join links and WebSocket URLs; without it, the address of the request
        PUBLIC_URL | FRONTEND_URL | PHX_HOST => public_url: Option<String> = "", public_url().or_none();
        /// Certificate and its chain in PEM, to serve HTTPS without a proxy; read again when it changes
        TLS_CERT_FILE: Option<PathBuf> = "", parsed("a file").or_none();
        /// Private key of the certificate in PEM; read again when it changes
        TLS_KEY_FILE: Option<PathBuf> = "", parsed("a file").or_none();
        /// Browser origins allowed besides the server's own
        CORS_ORIGINS => origins: Origins = "", origins();

        /// Directory of the SQLite database, the signing key and the admin token
        DATA_DIR => data_dir: PathBuf = "./data", parsed("a directory");
        /// Database; without it, `tagalong.db` in the data directory
        DATABASE_URL: Option<Database> = "", database().or_none(), secret;
        /// Maximum number of database connections
        DB_POOL_SIZE => db_pool_size: u32 = "10", number(1..=1_000);
        /// Redis that connects several nodes; without it, there is one node
        REDIS_URL => redis: Option<Address> = "",
            Form::new(redis::EXPECTED, |url| Address::parse(url).ok()).or_none(), secret;

        /// Key that signs tokens; required with PostgreSQL, otherwise generated once and kept in the data directory
        JWT_SECRET => jwt_secret: Option<Secret> = "", signing_key().or_none(), secret;
        /// Former signing keys; tokens that they signed stay valid
        JWT_SECRET_PREVIOUS => jwt_secrets_previous: Vec<Secret> = "", list(signing_key()), secret;

        /// Maximum length of a session, from its start to its end, and the default length
        MAX_SESSION_HOURS => max_session: Duration = "24", hours(1..=SESSION_HOURS_CEILING);
        /// A session without any activity ends after this time
        SESSION_INACTIVITY_HOURS => session_inactivity: Duration = "1", hours(1..=SESSION_HOURS_CEILING);
        /// Maximum number of participants in a session
        MAX_PARTICIPANTS_PER_SESSION => max_participants: usize = "50", number(1..=PARTICIPANTS_CEILING);
        /// Maximum number of watchers in a session
        MAX_WATCHERS_PER_SESSION => max_watchers: usize = "200", number(1..=WATCHERS_CEILING);
        /// Lifetime of a position, where the creator of the session chooses none
        LOCATION_TTL_SECONDS => location_ttl: Duration = "30", seconds(1..=900);
        /// A participant without any activity leaves the session after this time
        PARTICIPANT_TIMEOUT_MINUTES => participant_timeout: Duration = "30", minutes(1..=24 * 60);

        /// Time between two runs of the background cleanup
        CLEANUP_INTERVAL_MINUTES => cleanup_interval: Duration = "5", minutes(1..=24 * 60);
        /// How long the server remembers that a session ended or expired; its names are deleted when it ends
        RETENTION_HOURS => retention: Duration = "24", hours(1..=24 * 365);
        /// Time between two writes of the participants' last activity to the database
        LAST_SEEN_INTERVAL_SECONDS => last_seen_interval: Duration = "10", seconds(1..=600);
        /// A connection that sends nothing is closed after this time
        HEARTBEAT_TIMEOUT_SECONDS => heartbeat_timeout: Duration = "75", seconds(1..=3600);
        /// A participant whose connection is lost is shown as offline after this time
        PRESENCE_GRACE_SECONDS => presence_grace: Duration = "10", seconds(1..=300);
        /// Maximum time that a position waits to be written together with others; 0 for no waiting
        FLUSH_INTERVAL_MAX_MS => flush_interval_max: Duration = "100", milliseconds(0..=1_000);

        /// Messages per participant and second, over all their connections to one server
        MESSAGES_PER_SECOND => messages_per_second: u32 = "20", number(1..=1_000);
        /// New sessions per address and hour
        SESSIONS_PER_HOUR => sessions_per_hour: u32 = "60", number(1..=1_000_000);
        /// Joins and requests to watch per address and minute
        JOINS_PER_MINUTE => joins_per_minute: u32 = "120", number(1..=1_000_000);
        /// Failed lookups (invalid token, unknown session) per address and minute
        MISSES_PER_MINUTE => misses_per_minute: u32 = "60", number(1..=1_000_000);
        /// Changes over REST per minute and person (or session's creator), 20 at once; five times as many per session
        WRITES_PER_MINUTE => writes_per_minute: u32 = "120", number(1..=1_000_000);
        /// Open WebSockets per address
        CONNECTIONS_PER_ADDRESS => connections_per_address: u32 = "500", number(1..=1_000_000);
        /// Open TCP connections per address, of any kind; trusted proxies are exempt
        TCP_CONNECTIONS_PER_ADDRESS => tcp_connections_per_address: u32 = "2000", number(1..=1_000_000);

        /// Reverse proxies that are trusted to name the client's address
        TRUSTED_PROXIES => trusted_proxies: Vec<IpNet> = "", list(network());
        /// Header in which trusted proxies name the client; they must set it, and no other header is read
        TRUSTED_PROXY_HEADER => trusted_proxy_header: ProxyHeader = "x-forwarded-for", parsed(ProxyHeader::EXPECTED);
        /// `off` disables all rate limits, for benchmarks and tests
        RATE_LIMITS => rate_limits: bool = "on", on_or_off();

        /// Delay between `/health/ready` reporting not ready and the shutdown; less than the timeout
        SHUTDOWN_DELAY_SECONDS => shutdown_delay: Duration = "0", seconds(0..=300);
        /// Maximum duration of a shutdown
        SHUTDOWN_TIMEOUT_SECONDS => shutdown_timeout: Duration = "30", seconds(1..=600);

        /// Map tiles; `off` for none
        TILE_URL: Option<WebUrl> = "https://tile.openstreetmap.org/{z}/{x}/{y}.png", tile_url();
        /// Attribution of the map, in HTML
        TILE_ATTRIBUTION: String = r#"© <a href="https://www.openstreetmap.org/copyright" target="_blank" rel="noopener">OpenStreetMap</a> contributors"#,
            parsed("HTML");
        /// Highest zoom level for which there are tiles
        TILE_MAX_ZOOM: u8 = "19", number(0..=24);
        /// A MapLibre style, in place of tiles
        MAP_STYLE_URL: Option<WebUrl> = "",
            Form::new("an address such as https://example.org/style.json", WebUrl::parse).or_none();
        /// Origins, besides its own, from which the style loads
        MAP_ORIGINS: Vec<String> = "", map_origins();

        /// Opens `/metrics` and `/dashboard`; without it, generated once and kept as `admin.token` in `DATA_DIR`
        ADMIN_TOKEN => admin_token: Option<Secret> = "", signing_key().or_none(), secret;
        /// Address on which `/metrics` answers every client, without a token
        METRICS_BIND => metrics_bind: Option<SocketAddr> = "",
            parsed("an address and port such as 127.0.0.1:9464").or_none();

        /// Collector of traces (OTLP over HTTP) such as `http://localhost:4318`; without it, nothing is traced
        OTEL_EXPORTER_OTLP_ENDPOINT: Option<traces::Collector> = "", collector("/v1/traces").or_none();
        /// The same with its whole path; replaces the endpoint above, to which `/v1/traces` is appended
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Option<traces::Collector> = "", collector("").or_none();
        /// Headers for the collector, such as its key; values are percent-encoded
        OTEL_EXPORTER_OTLP_HEADERS: HeaderMap = "",
            Form::new("NAME=VALUE, separated by commas", traces::headers), secret;
        /// Name of this server in its traces
        OTEL_SERVICE_NAME: String = "tagalong", parsed("a name");
        /// Sampler of traces
        OTEL_TRACES_SAMPLER: traces::Sampling = "parentbased_always_on",
            parsed("always_on, always_off or traceidratio, each perhaps with parentbased_ before it");
        /// With `traceidratio`, the share of all traces that is recorded
        OTEL_TRACES_SAMPLER_ARG: f64 = "1", share();

        /// Log level: messages of this level and those before it are logged
        LOG_LEVEL => log_level: tracing::Level = "info", parsed("error, warn, info, debug or trace");
        /// Format of the log; `auto` is human on a terminal and JSON elsewhere
        LOG_FORMAT => log_format: LogFormat = "auto", log_format();
    }
    combined {
        /// The certificate, if the server ends TLS itself.
        tls: Option<tls::Files> = combined::tls;
        /// The database.
        database: Database = combined::database;
        /// The map of the page.
        basemap: Basemap = combined::basemap;
        /// The collector of traces.
        traces: Option<traces::Settings> = combined::traces;
        /// All settings as text, for the operator to see.
        in_force: Vec<InForce> = combined::in_force;
    }
}

impl Config {
    /// Whether clients reach the server over HTTPS: by its own certificate, or by `PUBLIC_URL`.
    pub fn is_https(&self) -> bool {
        self.tls.is_some() || self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }

    /// The scheme that the server itself speaks.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
