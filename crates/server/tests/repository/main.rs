//! What the repository asks of its own files: code, documents, what lies in `deploy/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod circles;
mod deployed;
mod documents;
mod tidy;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}
