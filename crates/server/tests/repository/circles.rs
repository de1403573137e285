//! The modules of a crate import each other in one direction: none can reach itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each module of a crate, with the other modules that its files name after `crate::`.
fn uses(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let library = std::fs::read_to_string(source.join("lib.rs")).unwrap();
    let name = |line: &str| {
        Some(line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    let modules: BTreeSet<String> = library.lines().filter_map(name).collect();
    let used = |module: &String| {
        let mut found = BTreeSet::new();
        for path in [source.join(format!("{module}.rs")), source.join(module)] {
            read(&path, &mut found);
        }
        found.retain(|used| used != module && modules.contains(used));
        (module.clone(), found)
    };
    modules.iter().map(used).collect()
}

fn read(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") && path.exists() {
        names(&std::fs::read_to_string(path).unwrap(), found);
    }
}

/// Every word that follows `crate::`, also within braces.
fn names(text: &str, found: &mut BTreeSet<String>) {
    for (_, rest) in text.match_indices("crate::").map(|(at, word)| text.split_at(at + word.len())) {
        let listed = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(listed, _)| listed);
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        match listed {
            Some(listed) => found.extend(listed.split(',').map(|one| word(one.trim()))),
            None => {
                found.insert(word(rest));
            }
        }
    }
}

/// All modules that can be reached from one.
fn reached<'a>(from: &'a str, uses: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        next.extend(uses[module].iter().map(String::as_str).filter(|used| found.insert(*used)));
    }
    found
}

#[test]
fn no_module_imports_itself_by_way_of_others() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in ["core", "platform", "realtime", "server"] {
        let uses = uses(&crates.join(name).join("src"));
        assert!(uses.len() > 5, "the modules of {name} were not found");
        let circular: Vec<_> =
            uses.keys().filter(|module| reached(module, &uses).contains(module.as_str())).collect();
        assert!(circular.is_empty(), "circles in {name}: {circular:?}");
    }
}
