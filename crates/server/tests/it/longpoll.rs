//! Long polling as Phoenix serves it: what stock clients send and expect, on real requests.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tagalong_core::limits::{
    MESSAGE_BYTES_MAX, POLL_SESSION_LIFE, POLL_WINDOW, POST_LINES_MAX, UNSENT_BYTES_SOFT_MAX,
};

use crate::described_live::{self, Protocol};
use crate::harness::{At, Fetched, Server, Session};

/// Nothing on loopback takes this long.
const DEADLINE: Duration = Duration::from_secs(10);

/// A client of one poll session, as the official one is: it repeats its own query, and its session's token comes last.
struct Poller {
    at: At,
    query: String,
    token: Option<String>,
}

fn body(fetched: &Fetched) -> Value {
    assert_eq!((fetched.status, fetched.header("content-type")), (200, "application/json"));
    assert_eq!(fetched.header("cache-control"), "no-store");
    serde_json::from_slice(&fetched.bytes).unwrap()
}

impl Poller {
    fn new(at: &At, query: String) -> Self {
        Self { at: At { address: at.address }, query, token: None }
    }

    fn path(&self) -> String {
        format!("/socket/longpoll?{}&token={}", self.query, self.token.as_deref().unwrap_or("null"))
    }

    async fn get(&self) -> Value {
        body(&self.at.fetch("GET", &self.path(), &[], "").await)
    }

    /// Opens a session.
    async fn open(at: &At, query: String) -> Self {
        let mut poller = Self::new(at, query);
        let opened = poller.get().await;
        assert_eq!((&opened["status"], &opened["messages"]), (&json!(410), &json!([])));
        poller.token = Some(opened["token"].as_str().unwrap().to_owned());
        poller
    }

    async fn v2(at: &At, token: &str) -> Self {
        Self::open(at, format!("token={token}&vsn=2.0.0")).await
    }

    async fn post_as(&self, kind: &str, text: &str) -> Value {
        body(&self.at.fetch("POST", &self.path(), &[("content-type", kind)], text).await)["status"].clone()
    }

    async fn post(&self, text: &str) -> Value {
        self.post_as("application/x-ndjson", text).await
    }

    /// What the next poll is answered: its frames, which must be as the server's description says.
    async fn poll(&self) -> Vec<Value> {
        let polled = tokio::time::timeout(DEADLINE, self.get()).await.expect("nothing came");
        assert_eq!(
            (&polled["status"], polled["token"].as_str()),
            (&json!(200), self.token.as_deref()),
            "{polled}"
        );
        let protocol = Protocol::at(&self.query);
        let frames = polled["messages"].as_array().unwrap().iter();
        let frames = frames.map(|frame| serde_json::from_str(frame.as_str().unwrap()).unwrap());
        frames.inspect(|frame| described_live::check(protocol, frame)).collect()
    }

    /// All that polls are answered until a frame has this event.
    async fn until(&self, event: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        while !heard.iter().any(|frame: &Value| frame[3] == event || frame["event"] == event) {
            heard.extend(self.poll().await);
        }
        heard
    }

    /// The frame with this event.
    async fn hear(&self, event: &str) -> Value {
        let heard = self.until(event).await;
        heard.into_iter().find(|frame| frame[3] == event || frame["event"] == event).unwrap()
    }

    async fn join(&self, session: &Session) {
        let join = format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id);
        let (posted, frames) = tokio::join!(self.post(&join), self.poll());
        assert_eq!(posted, 200);
        let events: Vec<_> = frames.iter().map(|frame| frame[3].clone()).collect();
        assert_eq!(events, ["phx_reply", "initial_participants", "initial_locations", "presence_state"]);
    }
}

async fn joined(server: &Server) -> (Session, Poller) {
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let ada = Poller::v2(server, &token).await;
    ada.join(&session).await;
    (session, ada)
}

fn update(session: &Session, lat: f64) -> String {
    format!(r#"["1","2","location:{}","location_update",{{"lat":{lat},"lng":2.5}}]"#, session.id)
}

#[tokio::test]
async fn people_who_poll_and_people_with_websockets_see_each_other() {
    let server = Server::start().await;
    let (session, ada) = joined(&server).await;
    let (_, ben) = server.join(&session, "Ben").await;
    ada.hear("participant_joined").await;
    let mut ben = server.joined(&session, &ben).await;

    let sent = update(&session, 1.5);
    let (posted, reply) = tokio::join!(ada.post(&sent), ada.hear("phx_reply"));
    assert_eq!((posted, &reply[4]["status"]), (json!(200), &json!("ok")));
    assert_eq!(ben.heard().await[4]["data"]["lat"], 1.5);
    ben.send(&update(&session, 48.0)).await;
    assert_eq!(ada.hear("location_update").await[4]["data"]["lat"], 48.0);

    let end = format!("/api/sessions/{}", session.id);
    assert_eq!(server.request("DELETE", &end, Some(&session.creator), "").await.status, 200);
    let mut last = ada.until("phx_close").await;
    let topic = format!("location:{}", session.id);
    assert_eq!(last.pop(), Some(json!(["1", "1", topic, "phx_close", {}])));
    assert_eq!(last.pop().unwrap()[3], "session_ended");
}

#[tokio::test]
async fn version_1_polls_in_objects() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let ada = Poller::open(&server, format!("token={token}")).await;
    let join =
        format!(r#"{{"topic":"location:{}","event":"phx_join","payload":{{}},"ref":"1"}}"#, session.id);
    for (kind, text) in [
        ("application/json", join.clone()),
        ("application/x-ndjson", join.clone()),
        ("application/x-ndjson", BASE64_STANDARD.encode(&join)),
    ] {
        let (posted, reply) = tokio::join!(ada.post_as(kind, &text), ada.hear("phx_reply"));
        assert_eq!((posted, &reply["payload"]["status"]), (json!(200), &json!("ok")));
    }
}

#[tokio::test]
async fn a_poll_waits_for_a_window_and_a_new_one_takes_its_place() {
    let server = Server::start().await;
    let (_, ada) = joined(&server).await;
    let older = ada.get();
    let newer = async {
        loop {
            // The older one has arrived, or not yet: then it takes the place of this one.
            let polled = ada.get().await;
            if polled["status"] != 204 {
                return polled;
            }
        }
    };
    let waited = async {
        let (older, _) = tokio::join!(older, tokio::time::timeout(Duration::from_secs(1), newer));
        older
    };
    assert_eq!(waited.await, json!({"status": 204, "token": ada.token, "messages": []}));
}

#[tokio::test]
async fn a_session_without_polls_ends_and_its_client_begins_anew() {
    let server = Server::start().await;
    let (session, ada) = joined(&server).await;
    let (_, ben) = server.join(&session, "Ben").await;
    ada.hear("participant_joined").await;
    let mut ben = server.joined(&session, &ben).await;
    ben.hears_presence = true;
    server.clock.advance(POLL_SESSION_LIFE);
    while ada.post("").await != 410 {}
    // Its client may be one that does not notice; then the first thing that it hears makes it join again.
    let mut again = Poller::new(&server, ada.query.clone());
    again.token.clone_from(&ada.token);
    let opened = again.get().await;
    assert_eq!(opened["status"], 410);
    assert_ne!(opened["token"].as_str(), ada.token.as_deref());
    again.token = Some(opened["token"].as_str().unwrap().to_owned());
    let told = again.get().await;
    let failed = format!(r#"[null,null,"location:{}","phx_error",{{"reason":"channel_crash"}}]"#, session.id);
    assert_eq!(told["messages"], json!([failed]));
    again.join(&session).await;
}

/// As long as polls come, a session lives, however little there is to say.
#[tokio::test]
async fn a_session_lives_while_it_is_polled() {
    let server = Server::start().await;
    let (_, ada) = joined(&server).await;
    for _ in 0..4 {
        let waiting = ada.get();
        let time = async {
            loop {
                server.clock.advance(POLL_WINDOW / 10);
                server.request("GET", "/health", None, "").await;
            }
        };
        let polled = tokio::select! { polled = waiting => polled, () = time => unreachable!() };
        assert_eq!(polled["status"], 204);
    }
    assert_eq!(ada.post("").await, 200);
}

#[tokio::test]
async fn who_may_come_in() {
    let server = Server::start_with(|config| {
        config.origins = tagalong::config::Origins::Listed(vec!["https://friends.example".to_owned()]);
    })
    .await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let status = async |query: &str, headers: &[(&str, &str)]| {
        let path = format!("/socket/longpoll?{query}");
        body(&server.fetch("GET", &path, headers, "").await)["status"].as_u64().unwrap()
    };
    let good = format!("token={token}&vsn=2.0.0&token=null");
    assert_eq!(status(&good, &[]).await, 410);
    assert_eq!(status("vsn=2.0.0", &[("x-phoenix-authtoken", &token)]).await, 410);
    assert_eq!(status("vsn=2.0.0&token=null", &[]).await, 403);
    assert_eq!(status("vsn=2.0.0&token=x", &[]).await, 403);
    assert_eq!(status(&format!("token={token}&vsn=9"), &[]).await, 403);
    assert_eq!(status(&format!("token={}", session.creator), &[]).await, 403);
    assert_eq!(status(&good, &[("origin", "https://friends.example")]).await, 410);
    assert_eq!(status(&good, &[("origin", "https://others.example")]).await, 403);
    let post = server.fetch("POST", "/socket/longpoll?token=poll_0", &[], "x").await;
    assert_eq!(body(&post), json!({"status": 410}));
    assert_eq!(server.fetch("PUT", "/socket/longpoll", &[], "").await.status, 400);
}

#[tokio::test]
async fn a_page_elsewhere_may_ask_as_browsers_do() {
    let server = Server::start_with(|config| config.origins = tagalong::config::Origins::Any).await;
    let asked = [
        ("origin", "https://friends.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-phoenix-authtoken"),
    ];
    let told = server.fetch("OPTIONS", "/socket/longpoll?token=x", &asked, "").await;
    assert_eq!((told.status, told.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(told.header("access-control-allow-headers"), "content-type,x-phoenix-authtoken");
    assert!(told.header("access-control-allow-methods").contains("POST"));
    assert_eq!(told.header("access-control-max-age"), "3600");
    let refused = server.fetch("GET", "/socket/longpoll", &asked[..1], "").await;
    assert_eq!(
        (&body(&refused)["status"], refused.header("access-control-allow-origin")),
        (&json!(403), "*")
    );
}

/// In the development version of Phoenix the session's token is a header.
#[tokio::test]
async fn the_session_may_be_named_in_a_header() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let ada = Poller::v2(&server, &token).await;
    let headers = [("x-phoenix-longpoll-token", ada.token.as_deref().unwrap())];
    let heartbeat = r#"[null,"1","phoenix","heartbeat",{}]"#;
    let (posted, polled) = tokio::join!(
        server.fetch("POST", "/socket/longpoll?vsn=2.0.0", &headers, heartbeat),
        server.fetch("GET", "/socket/longpoll?vsn=2.0.0", &headers, ""),
    );
    assert_eq!(body(&posted), json!({"status": 200}));
    assert_eq!(body(&polled)["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn posts_are_bounded() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let ada = Poller::v2(&server, &token).await;
    let line = r#"[null,"1","phoenix","heartbeat",{}]"#;
    let lines = |count: usize| vec![line; count].join("\n");
    assert_eq!(ada.post(&lines(POST_LINES_MAX + 1)).await, 413);
    assert_eq!(ada.post(&format!("[{}", "x".repeat(MESSAGE_BYTES_MAX))).await, 413);
    assert_eq!(ada.post("no base64").await, 400);
    // None of these was looked at, and the session goes on.
    let some = lines(20);
    let (posted, frames) = tokio::join!(ada.post(&some), ada.poll());
    assert_eq!(posted, 200);
    assert!(frames.iter().all(|frame| frame[3] == "phx_reply"));
}

/// A message that is not one of the protocol ends the session, as it closes a WebSocket.
#[tokio::test]
async fn what_is_no_message_ends_the_session() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let ada = Poller::v2(&server, &token).await;
    let (posted, polled) = tokio::join!(ada.post("[not json"), ada.get());
    assert_eq!(posted, 200);
    // The poll waits, or comes too late for the session.
    assert!([500, 410].map(|status| json!(status)).contains(&polled["status"]), "{polled}");
    assert_eq!(ada.post("").await, 410);
}

/// A client that does not poll is owed the newest position of each person, and its posts wait once there is something
/// to say.
#[tokio::test]
async fn a_client_that_does_not_poll_holds_little_and_finds_the_newest() {
    let server = Server::start().await;
    let (session, ada) = joined(&server).await;
    let (_, ben) = server.join(&session, "Ben").await;
    ada.hear("participant_joined").await;
    let mut ben = server.joined(&session, &ben).await;
    for step in 0..500 {
        ben.send(&update(&session, f64::from(step) / 10.0)).await;
        assert_eq!(ben.heard().await[3], "phx_reply");
    }
    let frames = ada.poll().await;
    let positions: Vec<_> = frames.iter().filter(|frame| frame[3] == "location_update").collect();
    assert_eq!(positions.len(), 1, "none of those in between");
    assert_eq!(positions[0][4]["data"]["lat"], 49.9);

    // Nobody polls: the answers fill what may be unsent, and then no more is taken.
    let line = r#"[null,"1","phoenix","heartbeat",{}]"#;
    let many = vec![line; POST_LINES_MAX].join("\n");
    let mut posts = 0;
    let refused = loop {
        let waited = async {
            loop {
                server.request("GET", "/health", None, "").await;
                server.clock.advance(Duration::from_millis(500));
            }
        };
        let posted = tokio::select! { posted = ada.post(&many) => posted, () = waited => unreachable!() };
        if posted != 200 {
            break posted;
        }
        posts += 1;
        assert!(posts * POST_LINES_MAX * line.len() < 20 * UNSENT_BYTES_SOFT_MAX, "everything is taken");
    };
    assert!(refused == 408 || refused == 410, "{refused}");
}

#[tokio::test]
async fn somebody_who_is_removed_hears_it() {
    let server = Server::start().await;
    let session = server.session().await;
    let (user, token) = server.join(&session, "Ada").await;
    let ada = Poller::v2(&server, &token).await;
    ada.join(&session).await;
    let path = format!("/api/sessions/{}/participants/{user}", session.id);
    assert_eq!(server.request("DELETE", &path, Some(&session.creator), "").await.status, 200);
    let told = ada.until("phx_close").await;
    let events: Vec<_> = told.iter().map(|frame| frame[3].as_str().unwrap()).collect();
    assert!(events.ends_with(&["participant_left", "phx_close"]), "{events:?}");
}

#[tokio::test]
async fn a_stop_answers_polls_that_wait() {
    let server = Server::start().await;
    let (_, ada) = joined(&server).await;
    let waiting = ada.get();
    tokio::pin!(waiting);
    // The poll has arrived when a request that came after it is answered.
    let arrived = async {
        for _ in 0..3 {
            server.request("GET", "/health", None, "").await;
        }
    };
    tokio::select! { polled = &mut waiting => panic!("{polled}"), () = arrived => {} }
    let stopped = tokio::spawn(server.running.stop());
    assert_eq!(waiting.await, json!({"status": 500}));
    assert!(stopped.await.unwrap());
}

#[tokio::test]
async fn sessions_count_as_connections() {
    let server = Server::start_with(|config| {
        config.rate_limits = true;
        config.connections_per_address = 2;
    })
    .await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let ada = Poller::v2(&server, &token).await;
    let _other = Poller::v2(&server, &token).await;
    let path = format!("/socket/longpoll?token={token}&vsn=2.0.0");
    let refused = server.fetch("GET", &path, &[], "").await;
    assert_eq!((body(&refused), refused.header("retry-after")), (json!({"status": 500}), "1"));
    assert_eq!(server.open(&format!("/ws?token={token}"), &[]).await.err(), Some(429));
    ada.join(&session).await;
}
