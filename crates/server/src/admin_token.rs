//! The admin token for the operator's pages: `ADMIN_TOKEN`, or a token that is generated at the first start and kept in
//! the data directory.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use tagalong_platform::entropy::Entropy;
use tagalong_platform::private_file::{self, PrivateFileError};
use tagalong_store::Database;

use crate::config::{Config, Secret};

pub const FILE: &str = "admin.token";

#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    #[error("the admin token {0}")]
    File(#[from] PrivateFileError),
    /// The file is no token of this program.
    #[error("the admin token in DATA_DIR is damaged: delete {FILE} to make a new one, or set ADMIN_TOKEN")]
    Damaged,
}

#[derive(Clone, Debug)]
pub struct AdminToken {
    pub secret: Secret,
    /// Whether it was generated just now.
    pub is_new: bool,
}

/// The token of a configuration; `None` if there is no place to keep one. With PostgreSQL a node may have no writable
/// data directory; then its operator's pages stay closed until `ADMIN_TOKEN` is set.
///
/// # Errors
/// When the file is damaged, or when it cannot be used and the server needs the data directory anyway.
pub fn load(config: &Config, entropy: &Entropy) -> Result<Option<AdminToken>, AdminTokenError> {
    if let Some(secret) = config.admin_token.clone() {
        return Ok(Some(AdminToken { secret, is_new: false }));
    }
    let path = config.data_dir.join(FILE);
    let needs_directory = matches!(config.database, Database::Sqlite(_));
    if !needs_directory && private_file::make_directory(&config.data_dir).is_err() {
        return Ok(closed());
    }
    let made = || Ok(BASE64_URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()?).into_bytes());
    match private_file::read_or_make(&path, entropy, made) {
        Ok(file) => {
            let text = String::from_utf8(file.bytes).map_err(|_| AdminTokenError::Damaged)?;
            let secret = Secret::kept(text.trim()).ok_or(AdminTokenError::Damaged)?;
            Ok(Some(AdminToken { secret, is_new: file.is_new }))
        }
        Err(PrivateFileError::Io(..)) if !needs_directory => Ok(closed()),
        Err(error) => Err(error.into()),
    }
}

fn closed() -> Option<AdminToken> {
    tracing::warn!(
        "DATA_DIR cannot be written and ADMIN_TOKEN is not set: /metrics and /dashboard are closed"
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Raw;

    fn config(settings: &[(&str, String)]) -> Config {
        let mut raw = Raw::default();
        raw.read_environment(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Config::parse(&raw).unwrap()
    }

    #[test]
    fn a_token_is_made_once_and_kept() {
        let home = tempfile::tempdir().unwrap();
        let config = config(&[("DATA_DIR", home.path().display().to_string())]);
        let first = load(&config, &Entropy::system()).unwrap().unwrap();
        assert!(first.is_new && first.secret.expose().len() == 43);
        let again = load(&config, &Entropy::system()).unwrap().unwrap();
        assert!(!again.is_new && again.secret == first.secret);
        for damaged in [&b"short"[..], b"", b"\xff\xfe\xfd"] {
            std::fs::write(home.path().join(FILE), damaged).unwrap();
            assert!(
                matches!(load(&config, &Entropy::system()), Err(AdminTokenError::Damaged)),
                "{damaged:?}"
            );
        }
    }

    #[test]
    fn the_setting_takes_precedence_over_the_file() {
        let home = tempfile::tempdir().unwrap();
        let given = "0123456789abcdef0123456789abcdef".to_owned();
        let config =
            config(&[("DATA_DIR", home.path().display().to_string()), ("ADMIN_TOKEN", given.clone())]);
        assert_eq!(load(&config, &Entropy::system()).unwrap().unwrap().secret.expose(), given);
        assert!(!home.path().join(FILE).exists());
    }

    #[test]
    fn without_a_place_to_keep_a_token_the_pages_are_closed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("file"), "").unwrap();
        let nowhere = ("DATA_DIR", home.path().join("file/data").display().to_string());
        let url = ("DATABASE_URL", "postgres://ada@db.example/trips".to_owned());
        let key = ("JWT_SECRET", "0123456789abcdef0123456789abcdef".to_owned());
        assert!(load(&config(&[nowhere.clone(), url, key]), &Entropy::system()).unwrap().is_none());
        assert!(load(&config(&[nowhere]), &Entropy::system()).is_err());
    }
}
