//! The page that the server has built in: what browsers are given, may keep, and must not do.

use std::path::Path;

use tagalong::admin_token;
use tagalong::basemap::Basemap;
use tagalong::cli;
use tagalong::config::Config;

use crate::harness::{Fetched, Server};
use crate::postgres;

const OPENED: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const SESSION: &str = "/join/00000000-0000-4000-8000-000000000000";
const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist");

impl Fetched {
    fn is_shell(&self) -> bool {
        self.header("content-type") == "text/html; charset=utf-8"
            && self.text().contains("<script type=\"module\"")
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Server {
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Fetched {
        self.fetch("GET", path, headers, "").await
    }

    /// The address of the page's script, which has its hash in it.
    async fn script(&self) -> String {
        let page = self.get("/", &[OPENED]).await;
        assert_eq!(page.status, 200, "this binary has no page: run `make web` first");
        page.text()
            .split('"')
            .find(|text| text.starts_with("/assets/") && text.ends_with(".js"))
            .unwrap()
            .to_owned()
    }
}

fn settings(arguments: &[&str]) -> Result<Config, String> {
    let arguments = std::iter::once("tagalong").chain(arguments.iter().copied());
    let invocation = cli::parse(arguments.map(Into::into)).map_err(|error| error.to_string())?;
    Config::parse(&invocation.flags).map_err(|error| error.to_string())
}

fn map(arguments: &[&str]) -> Basemap {
    settings(arguments).unwrap().basemap
}

#[tokio::test]
async fn every_page_is_the_shell() {
    let server = Server::start().await;
    for (path, status) in
        [("/", 200), (SESSION, 200), ("/join/nonsense", 404), ("/join/%ff", 404), ("/no/where", 404)]
    {
        let page = server.get(path, &[OPENED]).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.is_shell(), "{path}");
        assert_eq!(page.header("cache-control"), "no-cache", "{path}");
        let head = server.fetch("HEAD", path, &[OPENED], "").await;
        assert_eq!((head.status, head.bytes.len()), (status, 0), "{path}");
        assert_eq!(head.header("content-length"), page.bytes.len().to_string(), "{path}");
    }
}

#[tokio::test]
async fn the_dashboard_is_a_page_with_the_same_policy() {
    let server = Server::start().await;
    let (home, page) = (server.get("/", &[OPENED]).await, server.get("/dashboard", &[OPENED]).await);
    assert_eq!(page.status, 200);
    assert!(page.is_shell() && page.text().contains("<title>Dashboard"), "{}", page.text());
    for header in ["cache-control", "content-security-policy", "referrer-policy", "vary"] {
        assert_eq!(page.header(header), home.header(header), "{header}");
    }
    for path in ["/dashboard.html", "/docs.html"] {
        assert_eq!(server.get(path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_dashboard_is_not_found_where_no_admin_token_can_be_kept() {
    let url = postgres::shared().database().await;
    let server = Server::on_with(&url, |config| {
        config.admin_token = None;
        // In the way of the file.
        std::fs::create_dir(config.data_dir.join(admin_token::FILE)).unwrap();
    })
    .await;
    for path in ["/dashboard", "/dashboard/state"] {
        assert_eq!(server.get(path, &[OPENED]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn who_is_no_browser_is_refused_in_json() {
    let server = Server::start().await;
    for (method, path, accept, code) in [
        ("GET", "/no/where", "*/*", "NOT_FOUND"),
        ("GET", "/assets/index-old.js", "*/*", "NOT_FOUND"),
        ("GET", "/api/nothing", OPENED.1, "NOT_FOUND"),
        ("POST", "/no/where", OPENED.1, "NOT_FOUND"),
        ("POST", "/", OPENED.1, "METHOD_NOT_ALLOWED"),
        ("GET", "/index.html", "*/*", "NOT_FOUND"),
    ] {
        let answer = server.fetch(method, path, &[("accept", accept)], "").await;
        let body: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap();
        assert_eq!(body["code"], code, "{method} {path}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_file_comes_in_the_form_that_is_asked_for_and_only_once() {
    let server = Server::start().await;
    let script = server.script().await;
    let mut tags = Vec::new();
    for (accepted, encoding, end) in
        [("gzip, deflate, br", "br", ".br"), ("gzip;q=1, br;q=0.1", "gzip", ".gz"), ("identity", "", "")]
    {
        let file = server.get(&script, &[("accept-encoding", accepted)]).await;
        assert_eq!((file.status, file.header("content-encoding")), (200, encoding));
        assert_eq!(
            file.bytes,
            std::fs::read(Path::new(DIST).join(format!("{}{end}", &script[1..]))).unwrap()
        );
        assert_eq!(file.header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(file.header("vary"), "accept-encoding");
        let tag = file.header("etag").to_owned();
        let again = server.get(&script, &[("accept-encoding", accepted), ("if-none-match", &tag)]).await;
        assert_eq!((again.status, again.bytes.len(), again.header("etag")), (304, 0, tag.as_str()));
        assert_eq!(again.header("cache-control"), file.header("cache-control"));
        assert_eq!(again.header("vary"), "accept-encoding");
        assert_eq!(again.header("content-length"), "");
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3);
    let other = server.get(&script, &[("accept-encoding", "br"), ("if-none-match", &tags[2])]).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn every_file_of_the_page_is_served() {
    let server = Server::start().await;
    for (path, content_type) in [
        ("/icon.svg", "image/svg+xml"),
        ("/icon-192.png", "image/png"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/sw.js", "text/javascript; charset=utf-8"),
    ] {
        let file = server.get(path, &[]).await;
        assert_eq!((file.status, file.header("content-type")), (200, content_type), "{path}");
        assert_eq!(file.header("cache-control"), "no-cache");
    }
}

#[tokio::test]
async fn every_answer_is_protected_and_none_sets_a_cookie() {
    for (public, https_only) in
        [(None, ""), (Some("http://example.org"), ""), (Some("https://example.org"), "max-age=31536000")]
    {
        let server = Server::start_with(|config| config.public_url = public.map(str::to_owned)).await;
        is_protected(&server, https_only).await;
    }
}

async fn is_protected(server: &Server, https_only: &str) {
    let script = server.script().await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", SESSION),
        ("GET", script.as_str()),
        ("GET", "/no/where"),
        ("GET", "/api/config"),
        ("POST", "/api/sessions"),
        ("PUT", "/api/sessions"),
        ("OPTIONS", "/api/sessions"),
        ("GET", "/health"),
        ("GET", "/ws"),
        ("GET", "/socket/websocket"),
    ] {
        let answer = server.fetch(method, path, &[], "").await;
        for (name, value) in [
            ("referrer-policy", "strict-origin-when-cross-origin"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", https_only),
            ("set-cookie", ""),
        ] {
            assert_eq!(answer.header(name), value, "{method} {path}: {name}");
        }
        assert!(
            answer.header("permissions-policy").starts_with("geolocation=(self), screen-wake-lock=(self), ")
        );
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "),
            "{path}: {policy}"
        );
        assert!(
            policy.ends_with("; frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert!(!answer.header("cache-control").is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn the_policy_and_the_page_know_the_same_map() {
    let osm = "https://tile.openstreetmap.org";
    let style = [
        "--map-style-url",
        "https://maps.example.org/style.json",
        "--map-origins",
        "https://fonts.example.org",
    ];
    for (basemap, origins, tiles, style) in [
        (map(&[]), osm, serde_json::json!(format!("{osm}/{{z}}/{{x}}/{{y}}.png")), serde_json::Value::Null),
        (map(&["--tile-url", "off"]), "", serde_json::Value::Null, serde_json::Value::Null),
        (
            map(&style),
            "https://maps.example.org https://fonts.example.org",
            serde_json::Value::Null,
            serde_json::json!(style[1]),
        ),
    ] {
        let server = Server::start_with(|config| config.basemap = basemap).await;
        let answer = server.request("GET", "/api/config", None, "").await;
        assert_eq!((&answer.body["map"]["tiles"]["url"], &answer.body["map"]["style_url"]), (&tiles, &style));
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        let space = if origins.is_empty() { "" } else { " " };
        assert!(policy.contains(&format!("; connect-src 'self'{space}{origins}; ")), "{policy}");
        assert!(policy.contains(&format!("; img-src 'self' data: blob:{space}{origins}; ")), "{policy}");
    }
}

#[tokio::test]
async fn the_page_is_told_what_the_server_allows() {
    let server =
        Server::start_with(|config| *config = Config { max_participants: 7, ..config.clone() }).await;
    let answer = server.request("GET", "/api/config", None, "").await.body;
    assert_eq!((&answer["max_session_minutes"], &answer["max_participants"]), (&1440.into(), &7.into()));
    assert_eq!(answer["location_ttl_seconds"], 30);
    assert_eq!(answer["server_time"], "2026-11-24T12:00:00.000Z");
    let tiles = &answer["map"]["tiles"];
    assert_eq!(tiles["max_zoom"], 19);
    assert!(tiles["attribution"].as_str().unwrap().contains("https://www.openstreetmap.org/copyright"));
}

#[test]
fn a_map_that_makes_no_sense_stops_the_start() {
    for (setting, value) in [
        ("TILE_URL", "none"),
        ("TILE_URL", "https://tile.example.org/all.png"),
        ("TILE_URL", "https://tile.example.org;/{z}/{x}/{y}.png"),
        ("TILE_MAX_ZOOM", "25"),
        ("MAP_STYLE_URL", "style.json"),
        ("MAP_ORIGINS", "https://a.example.org/path"),
        ("MAP_ORIGINS", "'unsafe-inline'"),
    ] {
        let flag = format!("--{}", setting.to_lowercase().replace('_', "-"));
        let error = settings(&[&flag, value]).unwrap_err();
        assert!(error.starts_with(&format!("{setting} is ")), "{error}");
    }
}
