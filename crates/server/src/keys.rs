//! The keys of tokens: from the settings, or one that is made at the first start and kept.

use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::{Config, Secret};
use crate::entropy::random;
use crate::tokens::Tokens;

const FILE: &str = "jwt.key";
const BYTES: usize = 32;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("the signing key {0}: {1}")]
    File(PathBuf, Error),
    /// The file is not what we made.
    #[error(
        "the signing key {0} is damaged: expected 32 bytes; restore it, or delete it to make a new one (all tokens will be invalid)"
    )]
    Damaged(PathBuf),
    /// The signing library refuses it.
    #[error("the signing key: {0}")]
    Unusable(#[from] jsonwebtoken::errors::Error),
}

/// The tokens of a server: signed with `JWT_SECRET`, or with the key in the data directory; those signed with
/// `JWT_SECRET_PREVIOUS` are still read, and so are those of a key in the data directory from before there was
/// `JWT_SECRET`.
///
/// # Errors
/// When there is no key.
pub fn tokens(config: &Config) -> Result<Tokens, KeyError> {
    let path = config.data_dir.join(FILE);
    let previous = config.jwt_secrets_previous.iter().map(|secret| Secret::expose(secret).as_bytes());
    let Some(secret) = &config.jwt_secret else {
        return Ok(Tokens::new(&load(&path)?, &previous.collect::<Vec<_>>())?);
    };
    let kept = path.exists().then(|| load(&path)).transpose()?;
    let previous: Vec<_> = previous.chain(kept.as_deref()).collect();
    Ok(Tokens::new(secret.expose().as_bytes(), &previous)?)
}

/// The key in a file, made if it is not there.
fn load(path: &Path) -> Result<Vec<u8>, KeyError> {
    let failed = |error| KeyError::File(path.to_owned(), error);
    if !path.exists() {
        make(path).map_err(failed)?;
    }
    let key = std::fs::read(path).map_err(failed)?;
    if key.len() == BYTES { Ok(key) } else { Err(KeyError::Damaged(path.to_owned())) }
}

/// Written beside and linked into place: whoever starts at the same time reads a whole key, ours or theirs.
fn make(path: &Path) -> Result<(), Error> {
    let key: [u8; BYTES] = random().map_err(Error::other)?;
    let unique = u64::from_be_bytes(random().map_err(Error::other)?);
    let draft = path.with_extension(format!("{unique:x}"));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(&key).and_then(|()| file.sync_all())?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
