//! Checks across several settings.

use tagalong_platform::traces;
use tagalong_store::Database;

use super::settings::{
    CONNECTIONS_PER_ADDRESS, Config, DATA_DIR, DATABASE_URL, JWT_SECRET, MAP_ORIGINS, MAP_STYLE_URL,
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, SHUTDOWN_DELAY_SECONDS,
    SHUTDOWN_TIMEOUT_SECONDS, TCP_CONNECTIONS_PER_ADDRESS, TILE_ATTRIBUTION, TILE_MAX_ZOOM, TILE_URL,
    TLS_CERT_FILE, TLS_KEY_FILE,
};
use super::sources::{InForce, Raw, SettingError};
use crate::basemap::{Basemap, Tiles};
use crate::tls;

pub(super) fn tls(raw: &Raw) -> Result<Option<tls::Files>, SettingError> {
    match (raw.read(&TLS_CERT_FILE)?, raw.read(&TLS_KEY_FILE)?) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(tls::Files { certificate, key })),
        (Some(_), None) => Err(raw.wrong(&TLS_KEY_FILE.setting, "the file of the certificate's key")),
        (None, Some(_)) => Err(raw.wrong(&TLS_CERT_FILE.setting, "the file of the key's certificate")),
    }
}

pub(super) fn database(raw: &Raw) -> Result<Database, SettingError> {
    let in_data_dir = || Ok(Database::Sqlite(raw.read(&DATA_DIR)?.join("tagalong.db")));
    raw.read(&DATABASE_URL)?.map_or_else(in_data_dir, Ok)
}

pub(super) fn basemap(raw: &Raw) -> Result<Basemap, SettingError> {
    let attribution = raw.read(&TILE_ATTRIBUTION)?;
    let max_zoom = raw.read(&TILE_MAX_ZOOM)?;
    let origins = raw.read(&MAP_ORIGINS)?;
    if let Some(url) = raw.read(&MAP_STYLE_URL)? {
        return Ok(Basemap::Style { url, origins });
    }
    Ok(match raw.read(&TILE_URL)? {
        Some(url) => Basemap::Tiles(Tiles { url, attribution, max_zoom }),
        None => Basemap::Outline,
    })
}

pub(super) fn traces(raw: &Raw) -> Result<Option<traces::Settings>, SettingError> {
    let headers = raw.read(&OTEL_EXPORTER_OTLP_HEADERS)?;
    let sampler = raw.read(&OTEL_TRACES_SAMPLER)?.sampler(raw.read(&OTEL_TRACES_SAMPLER_ARG)?);
    let service = raw.read(&OTEL_SERVICE_NAME)?;
    let collector = match raw.read(&OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)? {
        None => raw.read(&OTEL_EXPORTER_OTLP_ENDPOINT)?,
        exact => exact,
    };
    Ok(collector.map(|collector| traces::Settings { collector: collector.with(headers), service, sampler }))
}

pub(super) fn in_force(raw: &Raw) -> Result<Vec<InForce>, SettingError> {
    Ok(raw.in_force())
}

/// The demands of one setting on another.
pub(super) fn check(raw: &Raw, config: &Config) -> Result<(), SettingError> {
    if config.jwt_secret.is_none() && matches!(config.database, Database::Postgres(_)) {
        return Err(SettingError(format!(
            "{} is needed with PostgreSQL, 32 bytes or more: every node signs with the same key",
            JWT_SECRET.setting.name
        )));
    }
    // Every WebSocket is a connection.
    if config.tcp_connections_per_address < config.connections_per_address {
        let (name, websockets) = raw.named(&CONNECTIONS_PER_ADDRESS.setting);
        let expected = format!("at least {name}, which is {websockets}");
        return Err(raw.wrong(&TCP_CONNECTIONS_PER_ADDRESS.setting, &expected));
    }
    // Otherwise the delay would use up the whole time of the shutdown.
    if config.shutdown_delay >= config.shutdown_timeout {
        let (name, timeout) = raw.named(&SHUTDOWN_TIMEOUT_SECONDS.setting);
        let expected = format!("less than {name}, which is {timeout}");
        return Err(raw.wrong(&SHUTDOWN_DELAY_SECONDS.setting, &expected));
    }
    Ok(())
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
    fn shutdown_delay_must_be_below_shutdown_timeout() {
        let (delay, timeout) = ("SHUTDOWN_DELAY_SECONDS", "SHUTDOWN_TIMEOUT_SECONDS");
        let refused = parsed(&[(delay, "30")]).unwrap_err().to_string();
        let expected = "expected less than SHUTDOWN_TIMEOUT_SECONDS, which is 30";
        assert_eq!(refused, format!("SHUTDOWN_DELAY_SECONDS is \"30\" (environment): {expected}"));
        assert!(parsed(&[(delay, "5"), (timeout, "5")]).is_err());
        assert!(parsed(&[(delay, "29")]).is_ok() && parsed(&[(delay, "30"), (timeout, "31")]).is_ok());
    }

    #[test]
    fn tcp_connection_limit_must_not_be_below_websocket_limit() {
        let (all, websockets) = ("TCP_CONNECTIONS_PER_ADDRESS", "CONNECTIONS_PER_ADDRESS");
        assert!(parsed(&[(all, "9"), (websockets, "10")]).is_err());
        let refused = parsed(&[(websockets, "5000")]).unwrap_err().to_string();
        assert!(refused.starts_with("TCP_CONNECTIONS_PER_ADDRESS is \"2000\" (default): "), "{refused}");
        assert!(parsed(&[(all, "10"), (websockets, "10")]).is_ok());
    }

    #[test]
    fn server_is_https_by_its_certificate_or_its_public_url() {
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
    fn certificate_and_key_must_be_given_together() {
        for (given, missing) in [("TLS_CERT_FILE", "TLS_KEY_FILE"), ("TLS_KEY_FILE", "TLS_CERT_FILE")] {
            let refused = parsed(&[(given, "x.pem")]).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("{missing} is \"\" (default): ")), "{refused}");
        }
    }

    #[test]
    fn signing_key_is_required_with_postgresql() {
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

    #[test]
    fn collector_of_all_signals_gets_the_path_of_traces() {
        const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const EXACT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        let collector = |settings: &[(&str, &str)]| Some(parsed(settings).unwrap().traces?.collector);
        let at = |address| traces::Collector::parse(address);
        assert_eq!(collector(&[]), None);
        assert_eq!(collector(&[("OTEL_EXPORTER_OTLP_HEADERS", "a=b")]), None);
        assert_eq!(collector(&[(BASE, "http://localhost:4318")]), at("http://localhost:4318/v1/traces"));
        assert_eq!(collector(&[(BASE, "https://otel.example/in/")]), at("https://otel.example/in/v1/traces"));
        assert_eq!(collector(&[(BASE, "http://a"), (EXACT, "http://b/c")]), at("http://b/c"));
        assert_eq!(collector(&[(EXACT, "http://b")]), at("http://b"));
    }

    #[test]
    fn invalid_value_is_named_with_its_source_and_what_is_expected() {
        for (name, value, said) in [
            ("PORT", "70000", "PORT is \"70000\" (environment): expected a port, 0 to 65535"),
            (
                "MAX_SESSION_HOURS",
                "0",
                "MAX_SESSION_HOURS is \"0\" (environment): expected a whole number of hours, 1 to 168",
            ),
            (
                "TILE_MAX_ZOOM",
                "300",
                "TILE_MAX_ZOOM is \"300\" (environment): expected a whole number, 0 to 24",
            ),
            ("RATE_LIMITS", "maybe", "RATE_LIMITS is \"maybe\" (environment): expected on or off"),
            ("JWT_SECRET", "short", "JWT_SECRET is \"********\" (environment): expected 32 bytes or more"),
            (
                "OTEL_TRACES_SAMPLER_ARG",
                "NaN",
                "OTEL_TRACES_SAMPLER_ARG is \"NaN\" (environment): expected a share of the traces, 0 to 1",
            ),
        ] {
            assert_eq!(parsed(&[(name, value)]).map(drop).unwrap_err().to_string(), said);
        }
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_HEADERS", "host=a"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("JWT_SECRET_PREVIOUS", "0123456789abcdef0123456789abcdef,short"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
            ("MAP_ORIGINS", "https://a.example/x"),
            ("METRICS_BIND", "9464"),
        ] {
            let refused = parsed(&[(name, value)]).map(drop).unwrap_err().to_string();
            assert!(refused.starts_with(name), "{refused}");
        }
    }
}
