//! `DATABASE_URL`, parsed. Its displayed form never has a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// Parameters of a `postgres:` URL. Any other is rejected, because a misspelt `sslmode` would be ignored.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

#[derive(Clone)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<PgConnectOptions>),
}

/// The text is not the URL of a database; the message says what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidDatabase {
    /// Another kind of URL, or none.
    #[error("sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Url,
    /// A parameter that nobody reads, or with a value that makes no sense.
    #[error(
        "no other parameters than sslmode, sslrootcert, sslcert, sslkey, host, port and such, with values"
    )]
    Parameter,
}

impl FromStr for Database {
    type Err = InvalidDatabase;

    fn from_str(url: &str) -> Result<Self, InvalidDatabase> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches('/').is_empty() => {
                // sqlite:data/x.db, sqlite:/var/x.db and sqlite:///var/x.db are all in use.
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
                let names = parameters
                    .split(['&', '#'])
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .filter(|(name, _)| !name.is_empty());
                let known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
                if !names.clone().all(|(name, value)| known(name) && !value.is_empty()) {
                    return Err(InvalidDatabase::Parameter);
                }
                let parsed = url.parse().map_err(|_| {
                    if names.count() > 0 { InvalidDatabase::Parameter } else { InvalidDatabase::Url }
                })?;
                Ok(Self::Postgres(Box::new(parsed)))
            }
            _ => Err(InvalidDatabase::Url),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(options) => {
                let name = options.get_database().unwrap_or(options.get_username());
                match options.get_socket() {
                    Some(socket) => write!(f, "{name} at {}", socket.display()),
                    None => write!(f, "{name} at {}:{}", options.get_host(), options.get_port()),
                }
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_both_kinds() {
        for (url, shown) in [
            ("sqlite:data/x.db", "data/x.db"),
            ("sqlite:///var/x.db", "/var/x.db"),
            ("postgres://ada:secret@db.example:6432/trips?sslmode=verify-full", "trips at db.example:6432"),
            ("postgresql://ada@db.example/trips", "trips at db.example:5432"),
            ("postgres:///trips?host=/run/postgresql&user=ada", "trips at /run/postgresql"),
        ] {
            assert_eq!(url.parse::<Database>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_none() {
        for url in ["", "sqlite:", "sqlite:///", "mysql://x/y", "postgres:x", "x.db"] {
            assert_eq!(url.parse::<Database>().unwrap_err(), InvalidDatabase::Url, "{url}");
        }
        for parameters in ["sslmod=require", "sslmode=always", "sslmode", "port=x"] {
            let url = format!("postgres://ada:secret@db.example/trips?{parameters}");
            assert_eq!(url.parse::<Database>().unwrap_err(), InvalidDatabase::Parameter, "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in ["postgres://ada:se%63ret@db/x", "postgres://ada@db/x?password=secret"] {
            let database: Database = url.parse().unwrap();
            assert!(!format!("{database} {database:?}").contains("secret"));
        }
    }
}
