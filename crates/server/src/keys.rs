//! The keys of tokens: from the settings, or one that is made at the first start and kept.

use std::path::{Path, PathBuf};

use crate::config::{Config, Secret};
use crate::tokens::Tokens;
use tagalong_platform::entropy::Entropy;
use tagalong_platform::private_file::{self, PrivateFileError};

const FILE: &str = "jwt.key";
const BYTES: usize = 32;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made, or others may read it.
    #[error("the signing key {0}")]
    File(#[from] PrivateFileError),
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
pub fn tokens(config: &Config, entropy: &Entropy) -> Result<Tokens, KeyError> {
    let path = config.data_dir.join(FILE);
    let previous = config.jwt_secrets_previous.iter().map(|secret| Secret::expose(secret).as_bytes());
    let Some(secret) = &config.jwt_secret else {
        let key =
            private_file::read_or_make(&path, entropy, || Ok(entropy.bytes::<BYTES>()?.to_vec()))?.bytes;
        return Ok(Tokens::new(&whole(&path, key)?, &previous.collect::<Vec<_>>())?);
    };
    let kept = private_file::read(&path)?.map(|key| whole(&path, key)).transpose()?;
    let previous: Vec<_> = previous.chain(kept.as_deref()).collect();
    Ok(Tokens::new(secret.expose().as_bytes(), &previous)?)
}

fn whole(path: &Path, key: Vec<u8>) -> Result<Vec<u8>, KeyError> {
    if key.len() == BYTES { Ok(key) } else { Err(KeyError::Damaged(path.to_owned())) }
}
