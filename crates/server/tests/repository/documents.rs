//! Holds what the documents name against what there is: links, headings, files, modules, settings, targets of the
//! Makefile.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
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

/// What a page of Markdown says that can be held against the repository.
#[derive(Default)]
struct Page {
    path: PathBuf,
    /// Where its links and pictures lead.
    links: Vec<String>,
    /// The names by which its headings are reached, as the usual renderers make them.
    anchors: HashSet<String>,
    /// Code within sentences.
    code: Vec<String>,
    /// Lines of blocks of code.
    block_lines: Vec<String>,
}

impl Page {
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut page = Self { path, ..Self::default() };
        let (mut title, mut in_block) = (String::new(), false);
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_GFM) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => title.clear(),
                Event::End(TagEnd::Heading(_)) => _ = page.anchors.insert(anchor(&title)),
                Event::Start(Tag::CodeBlock(_)) => in_block = true,
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Text(text) if in_block => page.block_lines.extend(text.lines().map(str::to_owned)),
                Event::Text(text) => title.push_str(&text),
                Event::Code(text) => {
                    title.push_str(&text);
                    page.code.push(text.into_string());
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    let sources = html.split("src=\"").skip(1).filter_map(|rest| rest.split_once('"'));
                    page.links.extend(sources.map(|(source, _)| source.to_owned()));
                }
                _ => {}
            }
        }
        page
    }

    /// Its path in the repository.
    fn name(&self) -> String {
        self.path.strip_prefix(root()).unwrap().display().to_string()
    }
}

fn anchor(title: &str) -> String {
    let title = title.trim().to_lowercase().replace(' ', "-");
    title.chars().filter(|one| one.is_alphanumeric() || "-_".contains(*one)).collect()
}

/// Every page of Markdown.
fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(found.len() > 10, "the pages were not found");
    found.into_iter().map(Page::read).collect()
}

#[test]
fn every_link_between_pages_leads_to_a_file_and_a_heading() {
    let pages = pages();
    let has_heading = |target: &Path, anchor: &str| {
        let target = target.canonicalize().unwrap();
        pages.iter().any(|page| page.path.canonicalize().unwrap() == target && page.anchors.contains(anchor))
    };
    let mut broken = Vec::new();
    let mut count = 0;
    for page in &pages {
        for link in page.links.iter().filter(|link| !link.contains("://")) {
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(file) };
            if !target.exists() || !anchor.is_empty() && !has_heading(&target, anchor) {
                broken.push(format!("{}: {link}", page.name()));
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
    for page in pages() {
        for name in &page.code {
            let a_path = name.contains('/')
                && !name.starts_with('/')
                && NAMES.iter().any(|end| name.ends_with(end))
                && name.chars().all(|one| one.is_ascii_alphanumeric() || "/._-".contains(one));
            let there = |path: &String| path.ends_with(&format!("/{}", short(name)));
            if a_path && !name.starts_with("target/") && !all.iter().any(there) {
                missing.push(format!("{}: {name}", page.name()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_module_is_on_the_map() {
    let map = Page::read(root().join("docs/ARCHITECTURE.md"));
    let name_of = |path: &str| Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let named: HashSet<String> = map.code.iter().map(|path| name_of(path)).collect();
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
    for page in pages() {
        for command in page.block_lines.iter().chain(&page.code) {
            let Some(said) = command.strip_prefix("make ") else { continue };
            let target = said.split_whitespace().next().unwrap();
            count += 1;
            assert!(targets.contains(target), "{}: make {target}", page.name());
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
