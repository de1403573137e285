//! Files with a secret, readable by their owner only.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::entropy::{Entropy, NoEntropy};

/// Most bytes of a secret file: many times the length of a key.
const BYTES_MAX: u64 = 4096;
/// Permissions of the group and of all others.
const OTHERS: u32 = 0o077;

/// A secret and its file.
pub struct PrivateFile {
    pub bytes: Vec<u8>,
    /// Whether the file was created just now.
    pub is_new: bool,
}

/// Why a secret file cannot be used, in one line that names it.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It cannot be read or created.
    #[error("{0}: {1}")]
    Io(PathBuf, Error),
    /// Other users may read it, and this process may not change that.
    #[error("{path} may be used by others (mode {mode:04o}), and that cannot be changed: {error}")]
    Open { path: PathBuf, mode: u32, error: Error },
    /// No secret can be generated for it.
    #[error("{0}: {1}")]
    Entropy(PathBuf, NoEntropy),
    /// It is too long to be a secret.
    #[error("{0} is longer than {BYTES_MAX} bytes")]
    TooLong(PathBuf),
}

/// Reads the secret in a file, or generates it with `make`. Processes that start at the same time all get the secret of
/// the first.
///
/// # Errors
/// When the file can be neither read nor created, or when other users may read it and that cannot be changed.
pub fn read_or_make(
    path: &Path,
    entropy: &Entropy,
    make: impl FnOnce() -> Result<Vec<u8>, NoEntropy>,
) -> Result<PrivateFile, PrivateFileError> {
    if let Some(bytes) = read(path)? {
        return Ok(PrivateFile { bytes, is_new: false });
    }
    let failed = |error| PrivateFileError::Io(path.to_owned(), error);
    let no_entropy = |error| PrivateFileError::Entropy(path.to_owned(), error);
    let made = make().map_err(no_entropy)?;
    let unique = u64::from_be_bytes(entropy.bytes().map_err(no_entropy)?);
    let draft = path.with_extension(format!("{unique:x}"));
    let is_new = write_new(path, &draft, &made).map_err(failed)?;
    if is_new {
        return Ok(PrivateFile { bytes: made, is_new });
    }
    let bytes = read(path)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))?;
    Ok(PrivateFile { bytes, is_new })
}

/// Reads the secret in a file; `None` if there is no file.
///
/// # Errors
/// As [`read_or_make`].
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, PrivateFileError> {
    let failed = |error| PrivateFileError::Io(path.to_owned(), error);
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    tighten(path, mode, |permissions| file.set_permissions(permissions))?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BYTES_MAX {
        Err(PrivateFileError::TooLong(path.to_owned()))
    } else {
        Ok(Some(bytes))
    }
}

/// Removes the permissions of other users, without opening the file. A missing file is no error.
///
/// # Errors
/// When other users may access the file and that cannot be changed.
pub fn protect(path: &Path) -> Result<(), PrivateFileError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(PrivateFileError::Io(path.to_owned(), error)),
        Ok(found) => {
            let mode = found.permissions().mode();
            tighten(path, mode, |permissions| std::fs::set_permissions(path, permissions))
        }
    }
}

/// Creates a directory for secret files, and its parents, accessible to the owner only. An existing one stays as it is.
///
/// # Errors
/// When it cannot be created.
pub fn make_directory(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn tighten(
    path: &Path,
    mode: u32,
    set: impl FnOnce(Permissions) -> Result<(), Error>,
) -> Result<(), PrivateFileError> {
    let mode = mode & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let open = |error| PrivateFileError::Open { path: path.to_owned(), mode, error };
    set(Permissions::from_mode(mode & !OTHERS)).map_err(open)?;
    tracing::warn!(
        file = %path.display(),
        mode = format!("{mode:04o}"),
        "a private file was accessible to other users; now only to its owner"
    );
    Ok(())
}

/// Writes a draft beside the file and links it into place, so that no process ever reads half of it. Returns whether
/// the file was created.
fn write_new(path: &Path, draft: &Path, bytes: &[u8]) -> Result<bool, Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(draft, path));
    std::fs::remove_file(draft)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        linked => linked.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn made(path: &Path, secret: &str) -> PrivateFile {
        read_or_make(path, &Entropy::system(), || Ok(secret.into())).unwrap()
    }

    #[test]
    fn a_secret_is_made_once_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("data");
        make_directory(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
        let path = directory.join("a.key");
        assert!(read(&path).unwrap().is_none());
        let first = made(&path, "first");
        assert_eq!((first.bytes.as_slice(), first.is_new), (&b"first"[..], true));
        let second = made(&path, "second");
        assert_eq!((second.bytes.as_slice(), second.is_new), (&b"first"[..], false));
        assert_eq!(mode(&path), 0o600);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn processes_that_start_at_once_get_the_same_secret() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.key");
        let start = |number: usize| {
            let path = path.clone();
            std::thread::spawn(move || made(&path, &format!("secret {number}")))
        };
        let starts: Vec<_> = (0..8).map(start).collect();
        let found: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
        assert!(found.iter().all(|one| one.bytes == found[0].bytes));
        assert_eq!(found.iter().filter(|one| one.is_new).count(), 1);
    }

    #[test]
    fn permissions_of_other_users_are_removed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.key");
        for open in [0o644, 0o640, 0o604, 0o666, 0o610] {
            std::fs::write(&path, "secret").unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
            assert_eq!(read(&path).unwrap().unwrap(), b"secret");
            assert_eq!(mode(&path), 0o600, "{open:o}");
            std::fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
            protect(&path).unwrap();
            assert_eq!(mode(&path), 0o600, "{open:o}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        protect(&path).unwrap();
        assert_eq!(mode(&path), 0o400, "what is private already stays as it is");
        protect(&home.path().join("missing")).unwrap();
    }

    #[test]
    fn a_file_that_stays_readable_to_others_is_rejected() {
        let path = Path::new("data/a.key");
        let refused = tighten(path, 0o100_644, |_| Err(ErrorKind::PermissionDenied.into())).unwrap_err();
        let said =
            "data/a.key may be used by others (mode 0644), and that cannot be changed: permission denied";
        assert_eq!(refused.to_string(), said);
    }

    #[test]
    fn a_file_that_is_no_secret_is_not_read_to_its_end() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.key");
        std::fs::write(&path, vec![7; 5_000]).unwrap();
        assert!(matches!(read(&path), Err(PrivateFileError::TooLong(_))));
    }
}
