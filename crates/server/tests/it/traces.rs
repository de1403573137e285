//! What a trace collector is told, and that nobody notices whether there is one.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tagalong::config::{self, Config, Raw, Setting};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::harness::{self, ADMIN_TOKEN, Server};

/// What came to a collector in one request.
struct Told {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Takes OTLP over HTTP on loopback, and answers with these statuses in turn; the last one for ever.
struct Collector {
    address: SocketAddr,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Collector {
    async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let status = statuses[number.min(statuses.len() - 1)];
                let tell = tell.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let tell = tell.clone();
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let path = parts.uri.path().to_owned();
                        _ = tell.send(Told { path, headers: parts.headers, body });
                        let mut answer = Response::new(Empty::<Bytes>::new());
                        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
                        Ok::<_, std::convert::Infallible>(answer)
                    }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, told }
    }

    /// All that it was told so far.
    fn heard(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }
}

fn spans(told: &[Told]) -> Vec<Span> {
    let requests = told.iter().map(|told| ExportTraceServiceRequest::decode(told.body.clone()).unwrap());
    let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|spans| spans.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

fn said(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{key} is {other:?}"),
    }
}

/// A server by the system's time that traces to a collector.
async fn server(
    collector: SocketAddr,
    settings: &[(&'static Setting, &str)],
    change: impl FnOnce(&mut Config),
) -> Server {
    let endpoint = format!("http://{collector}");
    let mut raw = Raw::default();
    raw.set_flag(&config::OTEL_EXPORTER_OTLP_ENDPOINT.setting, endpoint);
    for (setting, value) in settings {
        raw.set_flag(setting, (*value).to_owned());
    }
    let directory = TempDir::new().unwrap();
    let mut config = harness::config(&directory);
    config.traces = Config::parse(&raw).unwrap().traces;
    change(&mut config);
    Server::start_node(config, directory).await
}

#[tokio::test]
async fn a_trace_says_what_was_asked_and_how_it_went_and_nothing_of_anybody() {
    let mut collector = Collector::start(&[200]).await;
    let headers = [
        (&config::OTEL_EXPORTER_OTLP_HEADERS.setting, "Authorization=Bearer%20hush"),
        (&config::OTEL_SERVICE_NAME.setting, "trips"),
    ];
    let server = server(collector.address, &headers, |_| {}).await;
    let session = server.session().await;
    let join = format!("/api/sessions/{}/join", session.id);
    let joined = server.request("POST", &join, None, r#"{"display_name":"Grace Hopper"}"#).await;
    let text = |key: &str| joined.body[key].as_str().unwrap().to_owned();
    let (user, token) = (text("user_id"), text("websocket_token"));
    let (lat, lng) = (48.137_154_f64, 11.576_124_f64);
    let mut grace = server.joined(&session, &token).await;
    for number in 0..20 {
        let topic = format!("location:{}", session.id);
        grace
            .send(&format!(r#"["1","{number}","{topic}","location_update",{{"lat":{lat},"lng":{lng}}}]"#))
            .await;
        assert!(grace.text().await.contains(r#""status":"ok""#));
    }
    grace.leave().await;
    assert_eq!(server.request("GET", "/api/sessions/nobody", None, "").await.status, 404);
    assert!(server.running.stop().await);

    let told = collector.heard();
    assert!(
        told.iter().all(|told| told.path == "/v1/traces" && told.headers["authorization"] == "Bearer hush")
    );
    assert!(told.iter().all(|told| told.headers["content-type"] == "application/x-protobuf"));
    let spans = spans(&told);
    let asked = named(&spans, "POST /api/sessions/{id}/join");
    assert_eq!(said(asked, "http.request.method"), "POST");
    assert_eq!(said(asked, "http.route"), "/api/sessions/{id}/join");
    assert_eq!(said(asked, "http.response.status_code"), "201");
    assert_eq!(said(asked, "tagalong.request_id"), joined.headers["x-request-id"].to_str().unwrap());
    assert!(asked.parent_span_id.is_empty() && asked.start_time_unix_nano <= asked.end_time_unix_nano);
    let stored = named(&spans, "store join");
    assert_eq!((&stored.trace_id, &stored.parent_span_id), (&asked.trace_id, &asked.span_id));
    assert_eq!(said(stored, "tagalong.outcome"), "ok");
    let (upgrade, connection) = (named(&spans, "GET /socket/websocket"), named(&spans, "connection"));
    assert_eq!(connection.parent_span_id, upgrade.span_id);
    assert_eq!(said(upgrade, "http.response.status_code"), "101");
    assert_eq!(
        (said(connection, "tagalong.protocol"), said(connection, "tagalong.version")),
        ("phoenix".into(), "2".into())
    );
    assert_eq!(said(connection, "tagalong.role"), "participant");
    assert!(!said(connection, "tagalong.reason").is_empty());

    // Nothing for each position, and nothing that is anybody's.
    let names: BTreeSet<_> =
        spans.iter().map(|span| span.name.as_str()).filter(|name| !name.contains('/')).collect();
    let known = ["connection", "store create_session", "store join", "store session", "job save last seen"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    assert!(spans.len() < 20, "{}", spans.len());
    let bytes: Vec<u8> = told.iter().flat_map(|told| told.body.to_vec()).collect();
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(b"trips") && holds(b"telemetry.sdk.name"));
    for private in [
        &session.id,
        &session.creator,
        &user,
        &token,
        "Grace",
        "48.13",
        "11.57",
        "127.0.0.1",
        "hush",
        "nobody",
    ] {
        assert!(!holds(private.as_bytes()), "{private}");
    }
    assert!(!holds(&lat.to_le_bytes()) && !holds(&lng.to_le_bytes()));
}

#[tokio::test]
async fn which_traces_there_are_is_for_the_operator_and_not_for_strangers_to_say() {
    const THEIRS: &str = "0af7651916cd43dd8448eb211c80319c";
    let parent = |flags: &str| format!("00-{THEIRS}-b7ad6b7169203331-{flags}");
    let of =
        async |sampler: &'static str, share: &'static str, proxies: &'static str, flags: &'static str| {
            let mut collector = Collector::start(&[200]).await;
            let settings = [
                (&config::OTEL_TRACES_SAMPLER.setting, sampler),
                (&config::OTEL_TRACES_SAMPLER_ARG.setting, share),
            ];
            let trust =
                |config: &mut Config| config.trusted_proxies.extend(proxies.parse::<ipnet::IpNet>().ok());
            let server = server(collector.address, &settings, trust).await;
            let traceparent = parent(flags);
            server.fetch("GET", "/api/config", &[("traceparent", &traceparent)], "").await;
            assert!(server.running.stop().await);
            let spans = spans(&collector.heard());
            let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            spans.iter().find(|span| span.name == "GET /api/config").map(|span| hex(&span.trace_id) == THEIRS)
        };
    let (ours, theirs, none) = (Some(false), Some(true), None);
    let (stranger, proxy) = ("192.0.2.0/24", "127.0.0.0/8");
    assert_eq!(of("parentbased_always_on", "1", stranger, "01").await, ours);
    assert_eq!(of("parentbased_always_on", "1", stranger, "00").await, ours);
    assert_eq!(of("parentbased_always_off", "1", stranger, "01").await, none);
    assert_eq!(of("parentbased_traceidratio", "0", stranger, "01").await, none);
    assert_eq!(of("parentbased_always_off", "1", proxy, "01").await, theirs);
    assert_eq!(of("parentbased_always_on", "1", proxy, "00").await, none);
    assert_eq!(of("always_off", "1", proxy, "01").await, none);
    assert_eq!(of("always_on", "1", proxy, "00").await, theirs);
    assert_eq!(of("traceidratio", "1", proxy, "00").await, theirs);
}

#[tokio::test]
async fn what_the_collector_cannot_take_now_it_is_sent_again_and_what_it_refuses_is_counted() {
    let mut collector = Collector::start(&[503, 200]).await;
    let server = server(collector.address, &[], |_| {}).await;
    server.session().await;
    let first = collector.told.recv().await.unwrap();
    let again = collector.told.recv().await.unwrap();
    assert_eq!(first.body, again.body);
    assert!(server.running.stop().await);

    let mut collector = Collector::start(&[400]).await;
    let server = super::traces::server(collector.address, &[], |_| {}).await;
    server.session().await;
    let refused = spans(&[collector.told.recv().await.unwrap()]).len();
    loop {
        let token = format!("Bearer {ADMIN_TOKEN}");
        let metrics = server.fetch("GET", "/metrics", &[("authorization", &token)], "").await;
        let text = String::from_utf8(metrics.bytes.to_vec()).unwrap();
        if text.contains(&format!("tagalong_spans_dropped_total {refused}\n")) {
            break;
        }
        assert!(text.contains("tagalong_spans_dropped_total 0\n"), "{text}");
    }
    assert!(server.running.stop().await);
}

#[tokio::test]
async fn a_collector_that_is_away_or_hangs_is_no_matter_to_clients_nor_to_a_stop() {
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for collector in [closed, hangs.local_addr().unwrap()] {
        let timeout = |config: &mut Config| config.shutdown_timeout = Duration::from_secs(4);
        let server = server(collector, &[], timeout).await;
        let session = server.session().await;
        for number in 0..30 {
            server.join(&session, &format!("Number {number}")).await;
        }
        if collector != closed {
            // It is being sent to, and does not answer.
            hangs.accept().await.unwrap();
        }
        server.join(&session, "Ada").await;
        assert!(server.running.stop().await, "in time");
    }
}
