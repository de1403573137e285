//! What the project asks of every file, checked, so that nobody has to remember it.

use std::path::{Path, PathBuf};

use crate::{read, root};

/// Names that say nothing of what a thing is for, and notes that belong into an issue.
const BANNED: &[&str] = &["Manager", "Util", "Helper", "TODO", "FIXME", "todo!(", "unimplemented!(", "dbg!("];
/// What the rules may use. Nothing here waits, listens, stores, or reads a clock.
const CORE_MAY_USE: &[&str] = &[
    "bytes",
    "icu_properties",
    "serde",
    "serde_json",
    "thiserror",
    "time",
    "unicode-bidi",
    "unicode-normalization",
    "unicode-security",
    "uuid",
];
const MADE_BY_TOOLS: &[&str] =
    &["api-types.ts", "target", "node_modules", "dist", ".git", "data", "corpus", "artifacts"];

/// Every file of ours below a directory whose name ends in one of these.
fn files(directory: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if MADE_BY_TOOLS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            files(&path, extensions, found);
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one)) {
            found.push(path);
        }
    }
}

fn sources(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root(), extensions, &mut found);
    assert!(found.len() > 20, "the sources were not found");
    let read = |path: PathBuf| {
        (path.strip_prefix(root()).unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())
    };
    found.into_iter().map(read).collect()
}

#[test]
fn no_name_says_nothing_and_no_note_is_left() {
    let mut found = Vec::new();
    for (path, text) in sources(&["rs", "ts", "mjs", "js", "css", "sql"]) {
        if path.ends_with(file!()) {
            continue;
        }
        let banned = |line: &str| BANNED.iter().any(|word| line.contains(word));
        let lines = text.lines().enumerate().filter(|(_, line)| banned(line));
        found.extend(lines.map(|(number, line)| format!("{}:{}: {line}", path.display(), number + 1)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_rules_use_nothing_that_waits() {
    let manifest = read("crates/core/Cargo.toml");
    let manifest: toml::Table = manifest.parse().unwrap();
    for name in manifest["dependencies"].as_table().unwrap().keys() {
        assert!(CORE_MAY_USE.contains(&name.as_str()), "{name} in crates/core");
    }
}

/// Where the system may be asked for time and randomness. All else is given a `Clock` and an `Entropy`.
const ASK_THE_SYSTEM: [(&str, &str); 4] = [
    ("crates/platform/src/clock.rs", "is the clock"),
    ("crates/platform/src/entropy.rs", "is the entropy"),
    ("crates/realtime/src/rates/mod.rs", "keys a hash, as every `HashMap` does by itself"),
    ("crates/loadtest/src/clock.rs", "measures real time, from outside the server"),
];

#[test]
fn time_and_randomness_are_injected() {
    const GLOBALS: [&str; 8] = [
        "tokio::time",
        "tokio_util::time",
        "Instant::now(",
        "SystemTime::now(",
        "OffsetDateTime::now",
        "getrandom::",
        "RandomState",
        "new_v4(",
    ];
    let mut asking = Vec::new();
    for (path, text) in sources(&["rs"]) {
        let path = path.to_string_lossy().into_owned();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        if path.contains("/src/") && GLOBALS.iter().any(|global| code.contains(global)) {
            asking.push(path);
        }
    }
    asking.sort();
    let mut allowed = ASK_THE_SYSTEM.map(|(path, _)| path.to_owned());
    allowed.sort();
    assert_eq!(asking, allowed);
}

/// Ids and keys of the seeded sequence can be guessed: only dev-dependencies may compile it.
#[test]
fn no_released_binary_has_the_seeded_entropy() {
    const FEATURE: &str = "seeded-entropy";
    for name in ["core", "loadtest", "platform", "realtime", "server", "store", "websocket"] {
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        let manifest: toml::Table = manifest.parse().unwrap();
        let shown = |table: &str| manifest.get(table).map(|table| format!("{table:?}")).unwrap_or_default();
        let features = shown("features");
        assert_eq!(features.matches(FEATURE).count(), usize::from(name == "platform"), "features of {name}");
        for table in ["dependencies", "build-dependencies", "target"] {
            assert!(!shown(table).contains(FEATURE), "a dependency of {name} turns it on");
        }
    }
    let mut built_by = vec![root().join("Makefile"), root().join("Dockerfile")];
    files(&root().join("deploy"), &["release", "sh", "yaml"], &mut built_by);
    built_by.push(root().join("deploy/release"));
    for path in built_by {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("-features") && !text.contains(FEATURE), "{}", path.display());
    }
}

#[test]
fn every_file_that_names_a_version_of_rust_names_the_same() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let needed = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let toolchain: toml::Table = read("rust-toolchain.toml").parse().unwrap();
    let checked_with = toolchain["toolchain"]["channel"].as_str().unwrap();
    assert!(checked_with.starts_with(&format!("{needed}.")), "rust-toolchain.toml names {checked_with}");
    let named = [
        ("README.md", format!("Rust ({needed} or newer)")),
        ("Makefile", format!("with rustup, {needed} or newer")),
        ("CONTRIBUTING.md", format!("from {needed} on")),
        ("Dockerfile", format!("FROM rust:{needed}-")),
    ];
    for (path, words) in named {
        assert!(read(path).contains(&words), "{path} does not say: {words}");
    }
}

#[test]
fn every_problem_is_in_the_documents() {
    let documents = read("docs/API.md") + &read("docs/PROTOCOL.md");
    for problem in tagalong_core::problem::Problem::ALL {
        let said =
            documents.contains(problem.code()) || documents.contains(&format!("`{}`", problem.reason()));
        assert!(said, "{} is in neither docs/API.md nor docs/PROTOCOL.md", problem.code());
    }
}
