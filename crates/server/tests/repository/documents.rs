//! Holds what the documents name against what there is: links, headings, files, modules, settings, targets of the
//! Makefile.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use tagalong::config::Reference;

use crate::root;

const MADE_BY_TOOLS: &[&str] = &["target", "node_modules", "dist", ".git", "data", "corpus"];

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if MADE_BY_TOOLS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Every page of Markdown with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(found.len() > 10, "the pages were not found");
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The lines of a page with whether each stands in a block of code.
fn lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut code = false;
    text.lines().map(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        (code || fence, line)
    })
}

/// The names by which the headings of a page are reached, as the usual renderers make them.
fn anchors(text: &str) -> HashSet<String> {
    let headings = lines(text).filter(|(code, line)| !code && line.starts_with('#'));
    let anchor = |(_, line): (bool, &str)| {
        let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        title.chars().filter(|one| one.is_alphanumeric() || "-_".contains(*one)).collect()
    };
    headings.map(anchor).collect()
}

/// What stands between these two, wherever the first stands.
fn between<'a>(line: &'a str, opening: &'a str, closing: char) -> impl Iterator<Item = &'a str> {
    line.split(opening).skip(1).filter_map(move |rest| rest.split_once(closing).map(|(inner, _)| inner))
}

/// What stands in backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn every_link_between_pages_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    let mut count = 0;
    for (page, text) in pages() {
        for (_, line) in lines(&text).filter(|(code, _)| !code) {
            let links = between(line, "](", ')').chain(between(line, "src=\"", '"'));
            for link in links.filter(|link| !link.contains("://")) {
                count += 1;
                let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
                let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
                let leads = target.exists()
                    && (anchor.is_empty()
                        || anchors(&std::fs::read_to_string(&target).unwrap()).contains(anchor));
                if !leads {
                    broken.push(format!("{}: {link}", page.strip_prefix(root()).unwrap().display()));
                }
            }
        }
    }
    assert!(count > 50, "the links were not found");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_file_that_a_page_names_is_there() {
    const NAMES: &[&str] = &[".rs", ".mjs", ".ts", ".md", ".sh", ".yaml", ".json", ".toml"];
    let mut all = Vec::new();
    files(&root(), &mut all);
    // Pages say `core/websocket.rs` for crates/core/src/websocket.rs.
    let short = |path: &str| path.replace("src/", "");
    let all: Vec<_> = all.iter().map(|path| short(&format!("/{}", path.display()))).collect();
    let mut missing = Vec::new();
    for (page, text) in pages() {
        for name in text.lines().flat_map(quoted) {
            let a_path = name.contains('/')
                && !name.starts_with('/')
                && NAMES.iter().any(|end| name.ends_with(end))
                && name.chars().all(|one| one.is_ascii_alphanumeric() || "/._-".contains(one));
            let there = |path: &String| path.ends_with(&format!("/{}", short(name)));
            if a_path && !name.starts_with("target/") && !all.iter().any(there) {
                missing.push(format!("{}: {name}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_module_is_on_the_map() {
    let map = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let name_of = |path: &str| Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let named: HashSet<String> = map.lines().flat_map(quoted).map(name_of).collect();
    let mut modules = Vec::new();
    for name in ["core", "platform", "realtime", "server", "store"] {
        files(&root().join("crates").join(name).join("src"), &mut modules);
    }
    modules.retain(|path| {
        path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("lib.rs")
    });
    assert!(modules.len() > 50, "the modules were not found");
    // Of the page, what is not one picture among others.
    let page = std::fs::read_dir(root().join("web/src")).unwrap().map(|entry| entry.unwrap().path());
    modules.extend(page.filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "ts")));
    for path in modules {
        let module = if path.ends_with("mod.rs") { path.parent().unwrap() } else { &path };
        let name = name_of(&module.to_string_lossy());
        // Tests of the page and declarations have two endings.
        assert!(
            name.contains('.') || named.contains(&name),
            "{} is not in docs/ARCHITECTURE.md",
            path.display()
        );
    }
}

#[test]
fn every_target_of_make_that_a_page_names_is_there() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: HashSet<&str> = makefile.lines().filter_map(|line| Some(line.split_once(':')?.0)).collect();
    let mut count = 0;
    for (page, text) in pages() {
        let code = lines(&text).filter(|(code, _)| *code).map(|(_, line)| line);
        for command in code.chain(text.lines().flat_map(quoted)) {
            let Some(said) = command.strip_prefix("make ") else { continue };
            let target = said.split_whitespace().next().unwrap();
            count += 1;
            assert!(targets.contains(target), "{}: make {target}", page.display());
        }
    }
    assert!(count > 10, "the targets were not found");
}

#[test]
fn settings_are_described_as_they_are_declared() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- written by `make settings` -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- end -->").unwrap();
    let differs = "differs from the declared settings: run `make settings`";
    assert!(table == Reference::Markdown.text(), "the table in README.md {differs}");
    let example = std::fs::read_to_string(root().join(".env.example")).unwrap();
    assert!(example == Reference::Env.text(), ".env.example {differs}");
}
