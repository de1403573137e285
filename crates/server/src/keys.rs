//! The signing keys of tokens: from the settings, or generated at the first start and kept.

use std::path::{Path, PathBuf};

use tagalong_platform::entropy::Entropy;
use tagalong_platform::private_file::{self, PrivateFileError};

use crate::config::{Config, Secret};
use crate::tokens::Tokens;

const FILE: &str = "jwt.key";
const BYTES: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or created, or other users may read it.
    #[error("the signing key {0}")]
    File(#[from] PrivateFileError),
    /// The file is no token of this program.
    #[error(
        "the signing key {0} is damaged: expected 32 bytes; restore it, or delete it to make a new one (all tokens will be invalid)"
    )]
    Damaged(PathBuf),
    /// The signing library rejects it.
    #[error("the signing key: {0}")]
    Unusable(#[from] jsonwebtoken::errors::Error),
}

/// The tokens of a server: signed with `JWT_SECRET`, or with the key in the data directory. Tokens under
/// `JWT_SECRET_PREVIOUS` stay valid, and so do those under a key in the data directory from before `JWT_SECRET` was
/// set.
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
