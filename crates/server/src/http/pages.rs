//! The web client: files from `web/dist`, built by `make web`, in the binary.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rust_embed::{Embed, EmbeddedFile};
use tagalong_core::id::SessionId;
use tagalong_core::problem::Problem;

use super::api_error::ApiError;
use super::negotiation::{Encoding, has_already, wants_page};
use super::state::State;

/// File names under this path change with the content.
const HASHED: &str = "assets/";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Cached, but validated before each use.
const CHECKED: &str = "no-cache";
/// The shell of every page: its script reads the address.
const SHELL: &str = "index.html";
/// The compressed forms that `make web` writes beside a file.
const COMPRESSED: [(Encoding, &str); 2] = [(Encoding::Brotli, ".br"), (Encoding::Gzip, ".gz")];
/// The page of the API's documentation.
const DOCS: &str = "docs.html";
/// The operator's page, which [`super::dashboard`] serves.
pub(super) const DASHBOARD: &str = "dashboard.html";
const NOT_BUILT: &str = "<!doctype html><html lang=en><title>Tagalong</title>\
    <p>This binary was built without its page. Run <code>make web</code> and build it again.";

#[derive(Embed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Built;

/// A file, plain and compressed.
struct File {
    plain: Form,
    /// Those that are smaller than the plain form, the smallest first.
    compressed: Vec<Form>,
    content_type: &'static str,
    cache_control: &'static str,
}

struct Form {
    encoding: Encoding,
    bytes: Bytes,
    /// The entity tag; each form has its own.
    tag: String,
}

/// Serves the files, and the shell for every page that a browser opens.
pub(super) fn router() -> Router<State> {
    let mut router = Router::new();
    let is_page = |path: &str| [SHELL, DOCS, DASHBOARD].contains(&path);
    for path in Built::iter().filter(|path| !is_compressed(path) && !is_page(path)) {
        let Some(file) = File::built(&path).map(Arc::new) else { continue };
        let answer = async move |asked: HeaderMap| file.answer(&asked, StatusCode::OK);
        router = router.route(&format!("/{path}"), get(answer));
    }
    let (docs, shell) = (page(DOCS), page(SHELL));
    let (home, join, elsewhere) = (shell.clone(), shell.clone(), shell);
    router
        .route("/docs", get(async move |asked: HeaderMap| docs(&asked, StatusCode::OK)))
        .route("/", get(async move |asked: HeaderMap| home(&asked, StatusCode::OK)))
        .route(
            "/join/{id}",
            get(async move |uri: Uri, asked: HeaderMap| {
                let id = uri.path().rsplit('/').next().unwrap_or_default();
                join(&asked, SessionId::parse(id).map_or(StatusCode::NOT_FOUND, |_| StatusCode::OK))
            }),
        )
        .fallback(async move |method: Method, uri: Uri, asked: HeaderMap| {
            let opened = matches!(method, Method::GET | Method::HEAD) && wants_page(&asked);
            if opened && !uri.path().starts_with("/api/") {
                return elsewhere(&asked, StatusCode::NOT_FOUND);
            }
            ApiError::from(Problem::NotFound).into_response()
        })
}

/// Answers with a page, or with an error if the binary was built without it.
pub(super) fn page(path: &str) -> impl Fn(&HeaderMap, StatusCode) -> Response + Clone + use<> {
    let file = File::built(path).map(Arc::new);
    move |asked, status| match &file {
        Some(file) => file.answer(asked, status),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

impl File {
    fn built(path: &str) -> Option<Self> {
        let form = |encoding, end| Some(Form::of(encoding, Built::get(&format!("{path}{end}"))?));
        Some(Self {
            plain: form(Encoding::Identity, "")?,
            compressed: COMPRESSED.into_iter().filter_map(|(encoding, end)| form(encoding, end)).collect(),
            content_type: content_type(path),
            cache_control: if path.starts_with(HASHED) { FOR_EVER } else { CHECKED },
        })
    }

    fn answer(&self, asked: &HeaderMap, status: StatusCode) -> Response {
        let forms = || self.compressed.iter().chain([&self.plain]);
        let encoding = Encoding::choose(asked, forms().map(|form| form.encoding));
        let form = forms().find(|form| form.encoding == encoding).unwrap_or(&self.plain);
        let headers = [
            (CONTENT_TYPE, self.content_type),
            (CACHE_CONTROL, self.cache_control),
            (VARY, "accept-encoding"),
            (ETAG, &form.tag),
        ];
        if status == StatusCode::OK && has_already(asked, &form.tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let encoded = encoding.name().map(|name| [(CONTENT_ENCODING, name)]);
        (status, headers, encoded, form.bytes.clone()).into_response()
    }
}

impl Form {
    fn of(encoding: Encoding, file: EmbeddedFile) -> Self {
        let bytes = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let hash = u128::from_be_bytes(std::array::from_fn(|index| file.metadata.sha256_hash()[index]));
        Self { encoding, bytes, tag: format!("\"{hash:032x}\"") }
    }
}

fn is_compressed(path: &str) -> bool {
    COMPRESSED.iter().any(|(_, end)| path.ends_with(end))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
