//! The description of the REST API, generated from the types and routes that answer.

use std::collections::BTreeMap;

use tagalong_core::problem::Problem;
use utoipa::PartialSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    Response, ResponseBuilder,
};

use super::api_error::ApiError;

const ABOUT: &str = "Sessions and their people over REST. Live positions come over WebSocket: \
    see /api/asyncapi.json. Clients must ignore fields that they do not know.";
const ANY_REQUEST: [Problem; 3] = [Problem::RateLimited, Problem::Internal, Problem::Unavailable];
/// Errors of every request with a body.
pub(super) const ANY_BODY: [Problem; 3] =
    [Problem::InvalidParameters, Problem::RequestTimeout, Problem::PayloadTooLarge];
/// Errors of every request that needs a token.
pub(super) const ANY_TOKEN: [Problem; 2] = [Problem::Unauthenticated, Problem::Forbidden];
/// Errors of every request about a session.
pub(super) const ANY_SESSION: [Problem; 3] =
    [Problem::SessionNotFound, Problem::SessionEnded, Problem::SessionExpired];

/// The description without paths and schemas.
pub(super) fn about() -> OpenApi {
    let mut creator = Http::new(HttpAuthScheme::Bearer);
    creator.description = Some("From creating the session".to_owned());
    let mut participant = Http::new(HttpAuthScheme::Bearer);
    participant.description = Some("From joining the session".to_owned());
    let mut watcher = Http::new(HttpAuthScheme::Bearer);
    watcher.description = Some("From watching the session".to_owned());
    let components = ComponentsBuilder::new()
        .schema("Error", super::api_error::Body::schema())
        .security_scheme("creator", SecurityScheme::Http(creator))
        .security_scheme("participant", SecurityScheme::Http(participant))
        .security_scheme("watcher", SecurityScheme::Http(watcher));
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Tagalong")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license));
    OpenApiBuilder::new().info(info.build()).components(Some(components.build())).build()
}

/// Declares the errors of a path, besides those of any request.
macro_rules! refusals {
    ($name:ident: $($problems:expr),*) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> $crate::http::openapi::Responses {
                $crate::http::openapi::refused(&[$(&$problems[..]),*])
            }
        }
    };
}
pub(super) use refusals;

pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

/// The error answers, by status, each with an example.
pub(super) fn refused(problems: &[&[Problem]]) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in problems.iter().copied().chain([&ANY_REQUEST[..]]).flatten() {
        by_status.entry(problem.status()).or_default().push(*problem);
    }
    by_status.into_iter().map(|(status, problems)| (status.to_string(), response(&problems).into())).collect()
}

fn response(problems: &[Problem]) -> Response {
    let codes: Vec<String> = problems.iter().map(|problem| format!("`{}`", problem.code())).collect();
    let examples = problems.iter().map(|problem| {
        let body = ApiError::from(*problem).body("837df742fd28815745141da028d5a167");
        let value = serde_json::from_str(&body).ok();
        (problem.code(), ExampleBuilder::new().summary(problem.message()).value(value).build())
    });
    let schema = Ref::from_schema_name("Error");
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build();
    ResponseBuilder::new().description(codes.join(", ")).content("application/json", content).build()
}
