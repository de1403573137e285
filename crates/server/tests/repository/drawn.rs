//! Holds the drawing of the modules in docs/ARCHITECTURE.md against what the modules use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every word that follows `crate::`, also within braces.
fn used(text: &str, found: &mut BTreeSet<String>) {
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

fn read(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        used(&std::fs::read_to_string(path).unwrap(), found);
    }
}

#[test]
fn the_drawing_of_the_modules_is_true() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = std::fs::read_to_string(server.join("src/lib.rs")).unwrap();
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    let modules: BTreeSet<String> = library.lines().filter_map(name).collect();
    let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for module in &modules {
        let found = uses.entry(module).or_default();
        for path in [server.join(format!("src/{module}.rs")), server.join("src").join(module)] {
            if path.exists() {
                read(&path, found);
            }
        }
        found.retain(|used| used != module && modules.contains(used));
    }
    let line = |(module, used): (&&str, &BTreeSet<String>)| {
        let used: Vec<_> = used.iter().map(String::as_str).collect();
        format!("    {module} --> {}\n", used.join(" & "))
    };
    let lines: String = uses.iter().filter(|(_, used)| !used.is_empty()).map(line).collect();
    let drawing = format!("```mermaid\nflowchart TD\n{lines}```\n");
    let page = std::fs::read_to_string(server.join("../../docs/ARCHITECTURE.md")).unwrap();
    assert!(page.contains(&drawing), "docs/ARCHITECTURE.md should have:\n{drawing}");
}
