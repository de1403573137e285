//! Where requests come from, and what address they came to.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;

use crate::config::{Config, Origins};

/// Whether one may ask from where a request comes from. Browsers do not keep other sites from opening WebSockets or
/// sending simple requests; native apps send no origin.
///
/// A request for an image or a script has no origin either, but browsers say that another site asks (Fetch Metadata,
/// section 2.3). Such a request is refused whatever `CORS_ORIGINS` says: with CORS there would be an origin.
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

/// The address under which the server is reached, as `https://host`: the setting, or what the request says.
///
/// What a client says of itself goes back to that client alone, so nothing is trusted here.
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
