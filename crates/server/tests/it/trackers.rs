//! Tracker apps as clients of a session: their links, what they are answered, and their end.

use std::time::Duration;

use serde_json::{Value, json};
use tagalong_core::limits::{LARGE_BODY_BYTES_MAX, LARGE_BODY_DISCARDED_BYTES_MAX};

use crate::harness::{Client, Fetched, Server, Session};

/// The test clock's beginning, in seconds.
pub(crate) const NOON: i64 = 1_795_521_600;

pub(crate) fn location(lat: f64, seconds: i64) -> String {
    json!({"_type": "location", "lat": lat, "lon": 2, "tst": seconds, "tid": "me", "vel": 36}).to_string()
}

pub(crate) fn path(session: &Session, user: &str) -> String {
    format!("/api/sessions/{}/participants/{user}/trackers", session.id)
}

/// Where an app of somebody sends, without the server's name.
pub(crate) async fn address(
    server: &crate::harness::At,
    session: &Session,
    user: &str,
    token: &str,
    app: &str,
) -> String {
    let answer = server.request("GET", &path(session, user), Some(token), "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let trackers = answer.body["trackers"].as_array().unwrap();
    let tracker = trackers.iter().find(|tracker| tracker["app"] == app).unwrap();
    let address = tracker["address"].as_str().unwrap();
    let place = address.find("/track/").unwrap();
    address[place..].to_owned()
}

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) session: Session,
    pub(crate) ada: (String, String),
    pub(crate) ben: Client,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::of(Server::start().await).await
    }

    async fn of(server: Server) -> Self {
        let session = server.session().await;
        let ada = server.join(&session, "Ada Lovelace").await;
        let ben = server.join(&session, "Ben").await;
        let ben = server.joined(&session, &ben.1).await;
        Self { server, session, ada, ben }
    }

    pub(crate) async fn address(&self, app: &str) -> String {
        address(&self.server, &self.session, &self.ada.0, &self.ada.1, app).await
    }

    /// What Ada is told of what her apps sent last.
    pub(crate) async fn last_report(&self) -> Value {
        let own = path(&self.session, &self.ada.0);
        self.server.request("GET", &own, Some(&self.ada.1), "").await.body["last_report"].take()
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Fetched {
        self.server.fetch("POST", path, &[], body).await
    }
}

pub(crate) async fn address_of(scene: &Scene, person: &(String, String), app: &str) -> String {
    address(&scene.server, &scene.session, &person.0, &person.1, app).await
}

pub(crate) fn text(fetched: &Fetched) -> (u16, &str) {
    (fetched.status, std::str::from_utf8(&fetched.bytes).unwrap())
}

#[tokio::test]
async fn an_owntracks_phone_and_a_browser_see_each_other() {
    let mut scene = Scene::new().await;
    let address = scene.address("owntracks").await;
    scene
        .ben
        .send(&format!(
            r#"["1","2","location:{}","location_update",{{"lat":5,"lng":6,"speed":10,"battery":0.5}}]"#,
            scene.session.id
        ))
        .await;
    assert_eq!(scene.ben.heard().await[4]["status"], "ok");
    let headers = [
        ("authorization", "Basic dTpw"),
        ("x-limit-u", "u"),
        ("x-limit-d", "d"),
        ("content-type", "application/json"),
    ];
    let answer = scene.server.fetch("POST", &address, &headers, location(1.5, NOON)).await;
    assert_eq!(answer.status, 200);
    let seen = scene.ben.heard().await;
    let data = &seen[4]["data"];
    assert_eq!(
        (&seen[3], &data["user_id"], &data["lat"]),
        (&json!("location_update"), &json!(scene.ada.0), &json!(1.5))
    );
    assert_eq!((&data["timestamp"], &data["speed"]), (&json!("2026-11-24T12:00:00.000Z"), &json!(10.0)));

    let friends: Value = serde_json::from_slice(&answer.bytes).unwrap();
    let [location, card] = &friends.as_array().unwrap()[..] else { panic!("{friends}") };
    assert_eq!(
        (&location["_type"], &location["tid"], &location["lat"], &location["lon"]),
        (&json!("location"), &json!("BE"), &json!(5.0), &json!(6.0))
    );
    assert_eq!(
        (&location["vel"], &location["batt"], &location["tst"]),
        (&json!(36), &json!(50), &json!(NOON))
    );
    assert_eq!((&card["_type"], &card["name"], &card["tid"]), (&json!("card"), &json!("Ben"), &json!("BE")));
    assert_eq!(card["topic"], location["topic"]);
    assert!(card["face"].as_str().unwrap().starts_with("iVBORw0KGgo"));

    // Friends vanish when they are stale, and an empty message is a question too.
    assert_ne!(text(&scene.post(&address, "").await).1, "[]");
    scene.server.clock.advance(Duration::from_secs(31));
    assert_eq!(text(&scene.post(&address, "").await), (200, "[]"));
}

#[tokio::test]
async fn every_app_is_answered_as_it_expects() {
    let mut scene = Scene::new().await;
    let overland = json!({"locations": [{"geometry": {"coordinates": [2, 4]}, "properties": {"timestamp": "2026-11-24T12:00:03Z"}}]});
    let traccar = json!({"location": {"timestamp": "2026-11-24T12:00:02Z", "coords": {"latitude": 3, "longitude": 2}}, "device_id": "x"});
    let requests = [
        ("POST", "traccar", "?id=x&lat=1&lon=2&timestamp=1795521600", String::new(), ""),
        ("GET", "traccar", "?id=x&lat=2&lon=2&timestamp=1795521601", String::new(), ""),
        ("POST", "traccar", "", traccar.to_string(), ""),
        ("POST", "overland", "", overland.to_string(), r#"{"result":"ok"}"#),
        ("POST", "gpslogger", "", "lat=5&lon=2&timestamp=1795521604&acc=&spd=1".to_owned(), ""),
        ("PUT", "gpslogger", "?lat=6&lon=2&timestamp=1795521605", String::new(), ""),
        ("GET", "osmand", "?lat=7&lon=2&timestamp=1795521606000&speed=13.89", String::new(), ""),
        ("GET", "traccar", "", "id=1111&lat=8&lon=2&timestamp=1795521607".to_owned(), ""),
    ];
    for (number, (method, app, query, body, expected)) in requests.into_iter().enumerate() {
        let address = scene.address(app).await + query;
        let answer = scene.server.fetch(method, &address, &[], body).await;
        assert_eq!(text(&answer), (200, expected), "{method} {app}");
        assert_eq!(scene.ben.heard().await[4]["data"]["lat"], json!(number as f64 + 1.0));
    }
}

#[tokio::test]
async fn bad_input_is_refused_or_passed_over_and_nobody_is_told() {
    let mut scene = Scene::new().await;
    for (app, body, status) in [
        ("owntracks", "nonsense", 400),
        ("owntracks", r#"{"_type":"encrypted","data":"x"}"#, 400),
        ("owntracks", r#"{"_type":"location","lat":91,"lon":2,"tst":1795521600}"#, 200),
        ("owntracks", r#"{"_type":"location","lat":1,"lon":2,"tst":1795525200}"#, 200),
        ("traccar", "lat=91&lon=2", 400),
        ("traccar", "id=AL&timestamp=1795521600&batt=80", 200),
        ("traccar", "id=AL&notificationToken=x", 200),
        ("traccar", "id=AL&lat=1&lon=2&timestamp=1795525200", 200),
        ("osmand", "lat=1&lon=2&timestamp=1795525200000", 200),
        ("gpslogger", "lat=1&lon=2&timestamp=1795525200", 200),
        ("overland", "[]", 400),
        (
            "overland",
            r#"{"locations":[{"geometry":{"coordinates":[2,91]},"properties":{"timestamp":"2026-11-24T12:00:00Z"}}]}"#,
            200,
        ),
        ("gpslogger", "lat=1", 400),
    ] {
        let answer = scene.post(&scene.address(app).await, body).await;
        assert_eq!(answer.status, status, "{app} {body}");
        if status == 400 {
            let body: Value = serde_json::from_slice(&answer.bytes).unwrap();
            assert_eq!(body["code"], "INVALID_LOCATION_DATA");
        }
    }
    // Too large to be read, and refused for ever by an app that is told so; or larger than any app's.
    for app in ["owntracks", "overland", "traccar"] {
        for (bytes_max, status) in [(LARGE_BODY_BYTES_MAX, 200), (LARGE_BODY_DISCARDED_BYTES_MAX, 413)] {
            let huge = "x".repeat(bytes_max + 1);
            assert_eq!(scene.post(&scene.address(app).await, &huge).await.status, status, "{app}");
        }
        assert_eq!(scene.last_report().await["outcome"], "too_large");
    }
    scene.ben.silent().await;
}

#[tokio::test]
async fn a_position_that_is_too_old_is_acknowledged_and_not_shown() {
    let mut scene = Scene::new().await;
    let address = scene.address("owntracks").await;
    assert_eq!(scene.post(&address, &location(1.0, NOON - 30)).await.status, 200);
    scene.ben.silent().await;
    // Sent late, but live: the rest of its life is shown, and no more.
    assert_eq!(scene.post(&address, &location(2.0, NOON - 20)).await.status, 200);
    assert_eq!(scene.ben.heard().await[4]["data"]["timestamp"], "2026-11-24T11:59:40.000Z");
    let (_, token) = scene.server.join(&scene.session, "Cleo").await;
    let first = async || {
        let mut cleo = scene.server.phoenix(&token).await;
        cleo.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, scene.session.id)).await;
        cleo.heard().await;
        cleo.heard().await;
        cleo.heard().await[4]["locations"].take()
    };
    assert_eq!(first().await[0]["age_ms"], 20_000);
    scene.server.clock.advance(Duration::from_secs(10));
    assert_eq!(first().await, json!([]));
}

#[tokio::test]
async fn a_session_may_show_positions_for_longer_and_says_so() {
    let server = Server::start().await;
    for (sent, wrong) in [
        (json!(29), true),
        (json!(901), true),
        (json!(1.5), true),
        (json!([]), true),
        (json!(null), false),
        (json!("60"), false),
    ] {
        let made = server
            .request("POST", "/api/sessions", None, json!({"location_ttl_seconds": sent}).to_string())
            .await;
        assert_eq!(made.status == 400, wrong, "{sent}");
    }
    let made = server.request("POST", "/api/sessions", None, r#"{"location_ttl_seconds":900}"#).await;
    assert_eq!(made.body["location_ttl_seconds"], 900);
    let id = made.body["session_id"].as_str().unwrap().to_owned();
    let session = Session { id, creator: String::new() };
    let shown = server.request("GET", &format!("/api/sessions/{}", session.id), None, "").await;
    assert_eq!(shown.body["location_ttl_seconds"], 900);
    let (ada, token) = server.join(&session, "Ada").await;
    let (_, other) = server.join(&session, "Ben").await;
    let app = address(&server, &session, &ada, &token, "traccar").await;
    let query = format!("{app}?lat=1&lon=2&timestamp={}", NOON - 60);
    assert_eq!(server.fetch("GET", &query, &[], "").await.status, 200);
    server.clock.advance(Duration::from_secs(839));
    let mut ben = server.phoenix(&other).await;
    ben.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id)).await;
    assert_eq!(ben.heard().await[4]["response"]["location_ttl_seconds"], 900);
    ben.heard().await;
    assert_eq!(ben.heard().await[4]["locations"][0]["age_ms"], 899_000);
    let told = server.request("GET", &path(&session, &ada), Some(&token), "").await;
    assert_eq!(
        (&told.body["location_ttl_seconds"], &told.body["interval_seconds"]),
        (&json!(900), &json!(60))
    );
}

#[tokio::test]
async fn links_are_for_their_owner_alone_and_stay_the_same() {
    let scene = Scene::new().await;
    let (server, own) = (&scene.server, path(&scene.session, &scene.ada.0));
    let (_, other) = server.join(&scene.session, "Cleo").await;
    for method in ["GET", "DELETE"] {
        for token in [&other, &scene.session.creator] {
            assert_eq!(server.request(method, &own, Some(token), "").await.code(), (403, "FORBIDDEN"));
        }
        assert_eq!(server.request(method, &own, None, "").await.code(), (401, "UNAUTHENTICATED"));
    }
    let once = server.request("GET", &own, Some(&scene.ada.1), "").await;
    assert_eq!(server.request("GET", &own, Some(&scene.ada.1), "").await.body, once.body);
    let secret = scene.address("owntracks").await;
    assert!(!secret.contains(&scene.session.id) && !secret.contains(&scene.ada.1));
    let wrong = secret.replace("/track/", "/track/A");
    for address in
        [&wrong, "/track/x/owntracks", "/track/%ff/owntracks", &secret.replace("owntracks", "other")]
    {
        assert_eq!(server.fetch("POST", address, &[], location(1.0, NOON)).await.status, 404, "{address}");
    }
}

#[tokio::test]
async fn an_app_that_goes_on_after_the_end_is_told_that_all_is_well() {
    let mut scene = Scene::new().await;
    let quiet = [
        ("owntracks", "[]"),
        ("traccar", ""),
        ("overland", r#"{"result":"ok"}"#),
        ("gpslogger", ""),
        ("osmand", ""),
    ];
    let body = async |scene: &Scene, app: &str| match app {
        "owntracks" => location(1.0, NOON),
        "overland" => json!({"locations": []}).to_string(),
        _ => String::from(if scene.session.id.is_empty() { "" } else { "lat=1&lon=2" }),
    };
    let mut addresses = Vec::new();
    for (app, expected) in quiet {
        addresses.push((app, scene.address(app).await, expected));
    }
    assert_eq!(scene.post(&addresses[0].1, &location(1.0, NOON)).await.status, 200);
    scene.ben.heard().await;
    let own = path(&scene.session, &scene.ada.0);
    assert_eq!(scene.server.request("DELETE", &own, Some(&scene.ada.1), "").await.status, 200);
    for (app, address, expected) in &addresses {
        for _ in 0..2 {
            let answer = scene.post(address, &body(&scene, app).await).await;
            assert_eq!(text(&answer), (200, *expected), "{app} after revocation");
        }
    }
    scene.ben.silent().await;

    // A new link holds, until its owner leaves.
    let again = scene.address("traccar").await;
    assert_ne!(again, addresses[1].1);
    assert_eq!(scene.post(&again, "lat=1&lon=2").await.status, 200);
    assert_eq!(scene.ben.heard().await[3], "location_update");
    let leave = format!("/api/sessions/{}/participants/{}", scene.session.id, scene.ada.0);
    assert_eq!(scene.server.request("DELETE", &leave, Some(&scene.ada.1), "").await.status, 200);
    assert_eq!(scene.ben.heard().await[3], "participant_left");
    assert_eq!(text(&scene.post(&again, "lat=1&lon=2").await), (200, ""));
    let refused = scene.server.request("GET", &own, Some(&scene.ada.1), "").await;
    assert_eq!(refused.code(), (404, "PARTICIPANT_LEFT"));
    scene.ben.silent().await;

    // The session's end ends all of them.
    let cleo = scene.server.join(&scene.session, "Cleo").await;
    let address = address(&scene.server, &scene.session, &cleo.0, &cleo.1, "owntracks").await;
    let end = format!("/api/sessions/{}", scene.session.id);
    assert_eq!(scene.server.request("DELETE", &end, Some(&scene.session.creator), "").await.status, 200);
    assert_eq!(text(&scene.post(&address, &location(1.0, NOON)).await), (200, "[]"));
}

#[tokio::test]
async fn a_tracker_keeps_to_the_rate_of_a_connection() {
    let server = Server::start_with(|config| {
        config.rate_limits = true;
        config.messages_per_second = 1;
    })
    .await;
    let mut scene = Scene::of(server).await;
    let address = scene.address("traccar").await;
    for lat in 1..=4 {
        assert_eq!(scene.post(&address, &format!("lat={lat}&lon=2")).await.status, 200);
        assert_eq!(scene.ben.heard().await[3], "location_update");
    }
    let refused = scene.post(&address, "lat=5&lon=2").await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"1".parse().unwrap()));
    scene.server.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.post(&address, "lat=6&lon=2").await.status, 200);
}
