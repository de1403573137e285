//! Holds what lies in `deploy/` against the rest, as far as one can without an engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tagalong::metrics::Metrics;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The instructions of the Dockerfile, a line each.
fn dockerfile() -> Vec<String> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let said = |line: &&str| !line.is_empty() && !line.starts_with('#');
    text.lines().map(str::trim).filter(said).map(str::to_owned).collect()
}

#[test]
fn the_image_copies_what_is_there_and_nothing_that_is_ignored() {
    let ignored = read(".dockerignore");
    let copied =
        dockerfile().into_iter().filter(|line| line.starts_with("COPY ") && !line.contains("--from"));
    let mut count = 0;
    for line in copied {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        for source in &words[..words.len() - 1] {
            count += 1;
            assert!(root().join(source).exists(), "{source} is not there: {line}");
            let source = source.trim_end_matches('/');
            let let_in = |rule: &str| Path::new(source).starts_with(rule);
            assert!(
                ignored.lines().filter_map(|rule| rule.strip_prefix('!')).any(let_in),
                "{source} is ignored"
            );
        }
    }
    assert!(count > 5);
}

#[test]
fn the_image_has_one_user_no_shell_and_a_health_check() {
    let lines = dockerfile();
    let last = lines.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    let image = &lines[last..];
    assert_eq!(image[0], "FROM scratch");
    assert!(image.iter().any(|line| line == "USER 65532:65532"));
    assert!(image.iter().all(|line| !line.starts_with("RUN ")), "nothing can run in it");
    assert!(
        image
            .iter()
            .any(|line| line.starts_with("HEALTHCHECK ") && line.ends_with(r#"["/tagalong", "health"]"#))
    );
    for line in image.iter().filter(|line| line.starts_with("COPY ")) {
        assert!(line.contains("--from=server"), "{line}");
    }
    let rust = read("Cargo.toml").parse::<toml::Table>().unwrap();
    let needed = rust["workspace"]["package"]["rust-version"].as_str().unwrap();
    assert!(lines.iter().any(|line| line.starts_with(&format!("FROM rust:{needed}-"))), "another Rust");
}

/// What a client says there would be believed before what the proxy knows.
#[test]
fn every_proxy_takes_away_what_a_client_says_of_itself() {
    let taken_away = [
        ("deploy/haproxy.cfg", "http-request del-header Forwarded"),
        ("deploy/proxy/Caddyfile", "header_up -Forwarded"),
        ("deploy/proxy/haproxy.cfg", "http-request del-header Forwarded"),
        ("deploy/proxy/nginx.conf", "proxy_set_header Forwarded \"\";"),
        ("deploy/proxy/traefik.yaml", "Forwarded: \"\""),
        ("README.md", "header_up -Forwarded"),
    ];
    for (path, line) in taken_away {
        assert!(read(path).lines().any(|said| said.trim() == line), "{path} lets Forwarded through");
    }
    let recipes = std::fs::read_dir(root().join("deploy/proxy")).unwrap().count();
    assert_eq!(recipes, 4, "a recipe that is not looked at here");
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = read("deploy/helm/tagalong/Chart.yaml");
    assert!(chart.lines().any(|line| line == format!("appVersion: {version}")));
    assert!(read("web/package.json").contains(&format!("\"version\": \"{version}\"")));
}

#[test]
fn every_alert_has_a_paragraph_that_says_what_to_do() {
    let operations = read("docs/OPERATIONS.md");
    let rules = read("deploy/monitoring/alerts.yaml");
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 5);
    for alert in alerts {
        assert!(operations.contains(&format!("### {alert}\n")), "{alert} is not in docs/OPERATIONS.md");
        let link = format!("docs/OPERATIONS.md#{}", alert.to_lowercase());
        assert!(rules.contains(&link), "{alert} does not lead to its paragraph");
    }
}

/// The series that can be asked for.
fn series() -> BTreeSet<String> {
    let parts = |kind| if kind == "histogram" { &["_bucket", "_count", "_sum"][..] } else { &[""] };
    let of = |metric: &tagalong::metrics::Described| {
        parts(metric.kind).iter().map(|part| format!("{}{part}", metric.name)).collect::<Vec<_>>()
    };
    Metrics::ALL.iter().flat_map(of).collect()
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let there = series();
    for (file, at_least) in [
        ("deploy/monitoring/alerts.yaml", 8),
        ("deploy/monitoring/alerts.test.yaml", 8),
        ("deploy/monitoring/grafana.json", 25),
        ("deploy/helm/tagalong/values.yaml", 1),
    ] {
        let text = read(file);
        let words = text.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
        let ours =
            |word: &&str| ["tagalong_", "process_", "tokio_"].iter().any(|prefix| word.starts_with(prefix));
        let asked: BTreeSet<_> = words.filter(ours).collect();
        assert!(asked.len() >= at_least, "{file} asks for {asked:?}");
        let unknown: Vec<_> = asked.iter().filter(|name| !there.contains(**name)).collect();
        assert!(unknown.is_empty(), "{file} asks for what there is not: {unknown:?}");
    }
}
