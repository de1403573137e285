//! The host of a request must be named exactly once (RFC 9112, section 3.2).

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tagalong_core::problem::Problem;

use super::api_error::ApiError;

/// Rejects a request whose host is missing, repeated or malformed. A proxy and this server could read two different
/// hosts from it.
pub(super) async fn check(mut request: Request, next: Next) -> Response {
    if let Err(reason) = settle(&mut request) {
        return ApiError::from(Problem::InvalidParameters).saying(reason).into_response();
    }
    next.run(request).await
}

/// Leaves one host in the headers: that of the address in absolute form, if the request has one, else that of the
/// header.
fn settle(request: &mut Request) -> Result<(), &'static str> {
    let mut named = request.headers().get_all(HOST).iter();
    let (host, second) = (named.next(), named.next());
    if second.is_some() {
        return Err("The request names its host more than once");
    }
    match host {
        Some(host) if !is_host(host.as_bytes()) => return Err("The request's host is malformed"),
        // HTTP/1.0 knows no hosts.
        None if request.version() != Version::HTTP_10 => return Err("The request names no host"),
        _ => {}
    }
    let Some(authority) = request.uri().authority() else { return Ok(()) };
    let authority = authority.as_str();
    let absolute = HeaderValue::from_str(authority).ok().filter(|_| is_host(authority.as_bytes()));
    request.headers_mut().insert(HOST, absolute.ok_or("The request's host is malformed")?);
    Ok(())
}

/// A host and perhaps a port. Names and passwords before an `@` belong to an address, not to a host.
fn is_host(text: &[u8]) -> bool {
    Authority::try_from(text).is_ok_and(|host| !host.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn settled(version: Version, uri: &str, hosts: &[&str]) -> Result<Option<String>, &'static str> {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let mut request = request.body(Body::empty()).unwrap();
        settle(&mut request)?;
        Ok(request.headers().get(HOST).map(|host| host.to_str().unwrap().to_owned()))
    }

    #[test]
    fn a_host_is_named_once() {
        let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
        for (version, uri, hosts, expected) in [
            (v11, "/", &["example.org:4000"][..], Some("example.org:4000")),
            (v11, "/", &["[::1]:4000"], Some("[::1]:4000")),
            (v10, "/", &[], None),
            (v11, "http://example.org/x", &["other.example"], Some("example.org")),
        ] {
            assert_eq!(settled(version, uri, hosts), Ok(expected.map(str::to_owned)), "{uri} {hosts:?}");
        }
        for (version, uri, hosts) in [
            (v11, "/", &[][..]),
            (v11, "/", &["localhost", "evil.example"]),
            (v10, "/", &["localhost", "localhost"]),
            (v11, "/", &["evil@localhost"]),
            (v11, "/", &[""]),
            (v11, "/", &["local host"]),
            (v11, "http://evil@localhost/", &["localhost"]),
            (v11, "http://example.org/x", &[]),
        ] {
            assert!(settled(version, uri, hosts).is_err(), "{uri} {hosts:?}");
        }
    }
}
