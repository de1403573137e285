//! The database goes away, really, and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::json;
use tagalong::sessions::Sessions;
use tagalong_core::claims::{Claims, Role};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::DisplayName;
use tagalong_core::time::Timestamp;
use tagalong_platform::clock::Clock;
use tagalong_platform::entropy::Entropy;
use tagalong_realtime::cluster::Bus;
use tagalong_realtime::hub::{Bounds, Hub};
use tagalong_store::Store;

use crate::harness::{Client, Server, Session};
use crate::postgres::Postgres;

/// What a caller may have to wait for a refusal.
const REFUSED_WITHIN: Duration = Duration::from_millis(2_500);

#[expect(clippy::disallowed_methods, reason = "how long a caller really waits is what is tested")]
fn now() -> Instant {
    Instant::now()
}

async fn refused(server: &Server, method: &str, path: &str, body: &str) {
    let began = now();
    let answer = server.request(method, path, None, body).await;
    assert_eq!(answer.code(), (503, "UNAVAILABLE"), "{method} {path}");
    assert_eq!(answer.headers["retry-after"], "2");
    assert!(began.elapsed() < REFUSED_WITHIN, "{method} {path} took {:?}", began.elapsed());
}

/// A position of one is seen by the other.
async fn share(session: &Session, from: &mut Client, to: &mut Client, lat: u8) {
    let topic = format!("location:{}", session.id);
    from.send(&format!(r#"["1","p","{topic}","location_update",{{"lat":{lat},"lng":2}}]"#)).await;
    assert_eq!(from.heard().await[4]["status"], "ok");
    assert_eq!(to.heard().await[4]["data"]["lat"], json!(f64::from(lat)));
}

struct Scene {
    database: Postgres,
    server: Server,
    session: Session,
    ada: Client,
    ben: Client,
    /// A token of a session whose room nobody has loaded.
    cold: (Session, String),
}

impl Scene {
    async fn set() -> Self {
        let database = Postgres::start();
        let server = Server::on_by_system_time(&database.database().await).await;
        let session = server.session().await;
        let (_, ada) = server.join(&session, "Ada").await;
        let (_, ben) = server.join(&session, "Ben").await;
        let (ada, ben) = (server.joined(&session, &ada).await, server.joined(&session, &ben).await);
        let other = server.session().await;
        let (_, cy) = server.join(&other, "Cy").await;
        Self { database, server, session, ada, ben, cold: (other, cy) }
    }

    async fn in_the_outage(&mut self) {
        let Self { server, session, ada, ben, cold, .. } = self;
        share(session, ada, ben, 11).await;
        let path = format!("/api/sessions/{}", session.id);
        refused(server, "POST", "/api/sessions", "{}").await;
        refused(server, "POST", &format!("{path}/join"), r#"{"display_name":"Dee"}"#).await;
        refused(server, "GET", &path, "").await;
        share(session, ben, ada, 12).await;
        // Many at once wait no longer than one.
        let many = (0..30).map(|_| refused(server, "POST", "/api/sessions", "{}"));
        let sharing = share(session, ada, ben, 13);
        tokio::join!(futures_util::future::join_all(many), sharing);
        for (path, status) in [("/health", 200), ("/health/live", 200), ("/health/ready", 503)] {
            assert_eq!(server.request("GET", path, None, "").await.status, status, "{path}");
        }
        let detailed = server.request("GET", "/health/detailed", None, "").await;
        assert_eq!(
            (detailed.status, &detailed.body["checks"]["database"]["status"]),
            (503, &json!("unhealthy"))
        );
        // A room that is yet to be loaded.
        let (session, token) = cold;
        let mut cy = server.phoenix(token).await;
        cy.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id)).await;
        assert_eq!(cy.heard().await[4], json!({"status": "error", "response": {"reason": "unavailable"}}));
        let mut cy = server.open(&format!("/ws?token={token}"), &[]).await.unwrap();
        assert_eq!(cy.heard().await["data"]["code"], "UNAVAILABLE");
        assert_eq!(cy.closed().await, 1013);
        share(&self.session, &mut self.ada, &mut self.ben, 14).await;
    }

    /// By itself, and at the first try.
    async fn after_it(mut self) {
        self.server.join(&self.session, "Dee").await;
        for client in [&mut self.ada, &mut self.ben] {
            assert_eq!(client.heard().await[3], "participant_joined");
        }
        let (other, token) = &self.cold;
        self.server.joined(other, token).await.silent().await;
        assert_eq!(self.server.request("GET", "/health/ready", None, "").await.status, 200);
        share(&self.session, &mut self.ada, &mut self.ben, 15).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_and_started_again() {
    let mut scene = Scene::set().await;
    scene.database.kill();
    scene.in_the_outage().await;
    scene.database.start_again();
    scene.after_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_freezes_and_goes_on() {
    let mut scene = Scene::set().await;
    scene.database.freeze();
    scene.in_the_outage().await;
    scene.database.thaw();
    scene.after_it().await;
}

/// Rooms over a database, without a server.
async fn rooms(database: &Postgres, clock: &Clock) -> (Store, Arc<Hub>) {
    let url = database.database().await;
    let store = Store::open(&url.parse().unwrap(), 4, clock).await.unwrap();
    let bounds = Bounds { presence_grace: Duration::from_secs(30), watchers: 10 };
    let hub = Arc::new(Hub::new(store.clone(), clock.clone(), Entropy::system(), Bus::Local, bounds));
    (store, hub)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_dropped_when_its_first_client_hangs_up_before_it_is_loaded() {
    let mut database = Postgres::start();
    let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
    let (_, hub) = rooms(&database, &clock).await;
    database.freeze();
    let (session, user) = (SessionId::from_random([1; 16]), UserId::from_random([2; 16]));
    let report = hub.report(session, &user, None).now_or_never();
    assert!(report.is_none(), "the database is frozen");
    hub.sweep();
    assert_eq!(hub.stats().0, 0);
    database.thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_wait_out_an_outage() {
    let mut database = Postgres::start();
    let start = Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
    let (clock, hand) = Clock::manual(start);
    let (store, hub) = rooms(&database, &clock).await;
    let sessions = Sessions::new(store.clone(), Arc::clone(&hub), Bus::Local, clock, Entropy::system(), 50);
    let id = sessions.create(None, Duration::from_secs(3_600), Duration::from_secs(30)).await.unwrap().id;
    let mut subscriptions = Vec::new();
    for name in ["Ada", "Ben"] {
        let (_, profile) = sessions.join(id, DisplayName::parse(name).unwrap(), None).await.unwrap();
        let claims = Claims { session: id, user: profile.user_id, role: Role::Participant };
        subscriptions.push(hub.subscribe(&claims).await.unwrap().0);
    }
    let minute = Duration::from_secs(60);

    database.kill();
    hand.advance(minute);
    subscriptions.pop();
    // Taken out of the room, and not written: the room itself may be forgotten now.
    assert!(sessions.save_seen().await.is_err());
    hand.advance(minute);
    subscriptions.clear();
    assert!(sessions.save_seen().await.is_err());
    hub.sweep();
    assert!(sessions.database_failed_within(minute).await);

    database.start_again();
    hand.advance(minute * 2);
    sessions.save_seen().await.unwrap();
    assert!(!sessions.database_failed_within(minute).await);
    let (_, people) = store.participants(id, start).await.unwrap();
    let seen: Vec<_> = people.iter().map(|one| one.last_seen).collect();
    assert_eq!(seen, [start.plus(minute * 2), start.plus(minute)]);
}
