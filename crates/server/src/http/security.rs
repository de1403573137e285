//! Security headers for browsers.

use std::sync::Arc;

use axum::extract::{Request, State as With};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::Next;
use axum::response::Response;

use crate::basemap::Basemap;
use crate::config::Config;

const PERMISSIONS: &str = "geolocation=(self), screen-wake-lock=(self), camera=(), microphone=(), payment=()";

/// HTTPS only, for a year. Without subdomains, because other servers may use them.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The headers of every answer except the one that opens a WebSocket.
pub(super) fn headers(config: &Config) -> Arc<HeaderMap> {
    let fixed = [
        // Map servers require the site's origin, but must not see the path, which is enough to join.
        (REFERRER_POLICY, "strict-origin-when-cross-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    let mut headers: HeaderMap =
        fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    // `WebUrl` allows only characters that are valid in a header.
    if let Ok(policy) = HeaderValue::try_from(policy(&config.basemap)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if config.is_https() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    Arc::new(headers)
}

/// `'self'` includes the server's own WebSockets (CSP 3, section 6.7.2.8), in every browser that the page supports. The
/// map's worker is a file of the page; it makes images from fetched data, hence `blob:`.
fn policy(basemap: &Basemap) -> String {
    let map = basemap.origins().join(" ");
    let directives = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        &format!("connect-src 'self' {map}"),
        &format!("img-src 'self' data: blob: {map}"),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ];
    directives.map(str::trim_end).join("; ")
}

/// Adds the headers. Answers without a caching rule may not be cached, because they hold tokens.
pub(super) async fn protect(With(headers): With<Arc<HeaderMap>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    // A WebSocket has no page, and nothing to cache.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let own = response.headers_mut();
    own.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    own.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    response
}
