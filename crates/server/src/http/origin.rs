//! The origin of requests, and the server's own address.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;

use crate::config::{Config, Origins};

/// Whether the origin of a request is allowed. Browsers do not keep other sites from opening WebSockets or sending
/// simple requests; native apps send no origin.
///
/// A request for an image or a script has no origin either, but browsers mark it as coming from another site (Fetch
/// Metadata, section 2.3). Such a request is rejected with any `CORS_ORIGINS`: with CORS it would have an origin.
pub(crate) fn allowed_origin(config: &Config, headers: &HeaderMap) -> bool {
    let is_foreign = |site: &_| site == "cross-site" || site == "same-site";
    let Some(origin) = headers.get(ORIGIN) else {
        return !headers.get("sec-fetch-site").is_some_and(is_foreign);
    };
    let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else { return false };
    if config.public_url.as_ref().is_some_and(|url| url.eq_ignore_ascii_case(&origin)) {
        return true;
    }
    let listed = match &config.origins {
        Origins::Any => return true,
        Origins::Listed(listed) => listed,
    };
    let own = || {
        let authority = origin.split_once("://").map(|(_, authority)| authority)?;
        Some(authority.eq_ignore_ascii_case(host(headers)?.as_str()))
    };
    listed.contains(&origin) || own() == Some(true)
}

/// The server's address as `https://host`: the setting, or the one in the request.
///
/// The request's own address goes back to the same client only, so it need not be trusted.
pub(crate) fn base_url(config: &Config, headers: &HeaderMap) -> String {
    if let Some(url) = &config.public_url {
        return url.clone();
    }
    let https = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let scheme = if https { "https" } else { config.scheme() };
    match host(headers) {
        Some(host) => format!("{scheme}://{host}"),
        None => format!("{scheme}://localhost:{}", config.port),
    }
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    let host: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    (!host.as_str().contains('@')).then_some(host)
}
