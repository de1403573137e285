//! Holds what lies in `deploy/` against the rest, as far as one can without an engine.

use std::collections::BTreeSet;
use std::path::Path;

use tagalong_platform::metrics::Metrics;

use crate::{read, root};

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
}

const RECIPES: [&str; 5] = [
    "deploy/haproxy.cfg",
    "deploy/proxy/Caddyfile",
    "deploy/proxy/haproxy.cfg",
    "deploy/proxy/nginx.conf",
    "deploy/proxy/traefik.yaml",
];

fn says(path: &str, line: &str) -> bool {
    read(path).lines().any(|said| said.trim() == line)
}

#[test]
fn every_recipe_is_looked_at_here() {
    let there = std::fs::read_dir(root().join("deploy/proxy")).unwrap();
    let there = there.map(|entry| format!("deploy/proxy/{}", entry.unwrap().file_name().display()));
    let there: BTreeSet<_> = there.chain(["deploy/haproxy.cfg".to_owned()]).collect();
    assert_eq!(there, RECIPES.map(str::to_owned).into());
}

/// One header is read, and the proxy has to write it. What a client says in another one goes all the same: a server
/// that is set to read that one would believe it.
#[test]
fn every_proxy_says_who_asks_and_takes_away_what_a_client_says_of_itself() {
    for (path, line) in [
        ("deploy/haproxy.cfg", "option forwardfor"),
        ("deploy/haproxy.cfg", "http-request del-header Forwarded"),
        ("deploy/proxy/Caddyfile", "header_up -Forwarded"),
        ("deploy/proxy/haproxy.cfg", "http-request set-header X-Forwarded-For %[src]"),
        ("deploy/proxy/haproxy.cfg", "http-request del-header Forwarded"),
        ("deploy/proxy/nginx.conf", "proxy_set_header X-Forwarded-For $remote_addr;"),
        ("deploy/proxy/nginx.conf", "proxy_set_header Forwarded \"\";"),
        ("deploy/proxy/traefik.yaml", "Forwarded: \"\""),
    ] {
        assert!(says(path, line), "{path} has no {line}");
    }
    for file in ["deploy/compose.yaml", "deploy/helm/tagalong/values.yaml", ".env.example"] {
        assert!(
            !read(file).contains("TRUSTED_PROXY_HEADER: "),
            "{file} reads another header than the recipes write"
        );
    }
}

/// An ingress passes on what clients write, and every pod of a cluster could write it: the chart trusts no proxy by
/// default.
#[test]
fn the_chart_trusts_no_proxy_by_default() {
    assert!(says("deploy/helm/tagalong/values.yaml", "TRUSTED_PROXIES: \"\""));
    let ingress = read("deploy/helm/tagalong/templates/ingress.yaml");
    let guarded =
        "{{- if .Values.ingress.enabled }}\n{{- if not .Values.settings.TRUSTED_PROXIES }}\n{{- fail ";
    assert!(ingress.starts_with(guarded), "an ingress without a named proxy is not refused");
}

/// Addresses hold session ids, trackers' secrets and tokens. `tests/interop` reads what the real proxies write; here is
/// what it does not run.
#[test]
fn no_recipe_logs_an_address() {
    for path in RECIPES {
        let said = read(path);
        let said = said.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        for line in said {
            let is_log = ["log", "access_log", "error_log", "option httplog", "capture", "error-log-format"]
                .iter()
                .any(|word| line.starts_with(word));
            let addresses = [
                "%HP",
                "%HU",
                "%HQ",
                "%r",
                "%[path",
                "%[url",
                "$uri",
                "$request ",
                "$request\"",
                "$request_uri",
                "$args",
                "$http_referer",
                "httplog",
                "combined",
                "RequestPath",
                "RequestLine",
            ];
            let told = addresses.iter().find(|address| line.contains(**address));
            assert!(!is_log || told.is_none(), "{path} logs an address: {line}");
            assert!(!line.starts_with("capture") && !line.starts_with("accessLog"), "{path}: {line}");
        }
    }
    // nginx's own format is that of every server that names none, and its error log has the whole request.
    let nginx = read("deploy/proxy/nginx.conf");
    let servers = nginx.matches("\nserver {").count();
    assert_eq!(nginx.matches("access_log /var/log/nginx/tagalong.log tagalong;").count(), servers);
    assert_eq!(nginx.matches("error_log /var/log/nginx/tagalong.error.log emerg;").count(), servers);
    let annotation = "nginx.ingress.kubernetes.io/enable-access-log: \"false\"";
    assert!(says("deploy/helm/tagalong/values.yaml", annotation));
}

/// Docker keeps every line for ever unless it is told otherwise.
#[test]
fn every_service_has_a_log_that_ends() {
    let compose = read("deploy/compose.yaml");
    assert!(says("deploy/compose.yaml", "options: {max-size: 10m, max-file: \"5\"}"));
    let started = compose.matches("    restart: unless-stopped").count() + 1;
    assert_eq!(compose.matches("  logging: *logging").count(), started);
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
    let of = |metric: &tagalong_platform::metrics::Described| {
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
