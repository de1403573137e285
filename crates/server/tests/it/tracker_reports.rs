//! What becomes of the reports of tracker apps, which clients receive them, and what OwnTracks is answered about the others.

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};
use tagalong_core::limits::CARD_LIFE;

use crate::harness::Server;
use crate::trackers::{NOON, Scene, address, address_of, location, path, text};

#[tokio::test]
async fn a_place_with_a_photo_is_shown() {
    let mut scene = Scene::new().await;
    let address = scene.address("owntracks").await;
    for (number, photo_bytes) in (1..).zip([9_000, 12_500, 22_000, 100_000]) {
        let image = "A".repeat(photo_bytes * 4 / 3);
        let body = json!({
            "_type": "location", "tid": "AL", "lat": number, "lon": 2, "tst": NOON + number, "acc": 5, "poi": "Bench",
            "imagename": "IMG_0001", "image": image,
        });
        assert_eq!(scene.post(&address, &body.to_string()).await.status, 200, "{photo_bytes}");
        assert_eq!(scene.ben.heard().await[4]["data"]["lat"], json!(number as f64));
    }
    let regions: Vec<Value> = (0..150)
        .map(|n| json!({"_type": "waypoint", "desc": format!("Place number {n}"), "lat": 1, "lon": 2}))
        .collect();
    let body = json!({"_type": "waypoints", "waypoints": regions}).to_string();
    assert_eq!(scene.post(&address, &body).await.status, 200);
    scene.ben.silent().await;
}

/// A phone that is refused sends it again, until its time has come and it is old.
#[tokio::test]
async fn a_position_from_the_future_is_never_shown_late_as_new() {
    let mut scene = Scene::new().await;
    for app in ["traccar", "osmand", "gpslogger"] {
        let address = format!("{}?id=AL&lat=48.1&lon=11.5&timestamp={}", scene.address(app).await, NOON + 95);
        for _ in 0..2 {
            assert_eq!(scene.server.fetch("POST", &address, &[], "").await.status, 200, "{app}");
        }
    }
    scene.ben.silent().await;
    // 58 s ahead now, which a clock may be: but it was seen before.
    scene.server.clock.advance(Duration::from_secs(37));
    let address =
        format!("{}?id=AL&lat=48.1&lon=11.5&timestamp={}", scene.address("traccar").await, NOON + 95);
    assert_eq!(scene.server.fetch("POST", &address, &[], "").await.status, 200);
    scene.ben.silent().await;
    assert_eq!(scene.last_report().await["outcome"], "too_old");
    assert_eq!(scene.last_report().await["seconds"], 37);
}

#[tokio::test]
async fn the_same_fix_again_stays_as_old_as_it_is() {
    let mut scene = Scene::new().await;
    let address = scene.address("owntracks").await;
    // Within the minute that a clock may be ahead.
    for after in [0, 20] {
        scene.server.clock.advance(Duration::from_secs(after));
        assert_eq!(scene.post(&address, &location(1.0, NOON + 59)).await.status, 200);
        scene.ben.heard().await;
    }
    scene.server.clock.advance(Duration::from_secs(11));
    let ben = scene.server.join(&scene.session, "Cleo").await;
    let others = address_of(&scene, &ben, "owntracks").await;
    assert_eq!(text(&scene.post(&others, "").await), (200, "[]"));
    assert_eq!(scene.post(&address, &location(1.0, NOON + 59)).await.status, 200);
    assert_eq!(scene.ben.heard().await[3], "participant_joined");
    scene.ben.silent().await;
    // A week that is 1,024 late, as old receivers have it.
    let address = scene.address("traccar").await;
    let query = format!("id=AL&timestamp={}&lat=48.1&lon=11.5", NOON - 1024 * 7 * 86_400);
    assert_eq!(scene.post(&address, &query).await.status, 200);
    scene.ben.silent().await;
}

#[tokio::test]
async fn the_owner_is_told_what_became_of_the_last_report() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.last_report().await, Value::Null);
    let told = async |scene: &Scene| {
        let report = scene.last_report().await;
        let text = |name: &str| report[name].as_str().unwrap().to_owned();
        (text("app"), text("outcome"), report["seconds"].as_u64())
    };
    let said = |app: &str, outcome: &str, seconds| (app.to_owned(), outcome.to_owned(), seconds);
    for (app, body, outcome, seconds) in [
        ("traccar", "id=AL&timestamp=1795521600&batt=80".to_owned(), "no_position", None),
        ("gpslogger", "lat=%LAT&lon=%LON".to_owned(), "not_understood", None),
        ("owntracks", r#"{"_type":"encrypted","data":"x"}"#.to_owned(), "encrypted", None),
        ("owntracks", location(1.0, NOON - 40), "too_old", Some(40)),
        ("osmand", format!("lat=1&lon=2&timestamp={}", NOON - 1), "shown", None),
        ("osmand", format!("lat=1&lon=2&timestamp={}", NOON - 2), "superseded", None),
        ("traccar", format!("id=AL&lat=1&lon=2&timestamp={}", NOON + 95), "clock_ahead", Some(95)),
    ] {
        scene.post(&scene.address(app).await, &body).await;
        assert_eq!(told(&scene).await, said(app, outcome, seconds), "{app} {body}");
    }
    assert_eq!(scene.ben.heard().await[3], "location_update");
    let mut ada = scene.server.joined(&scene.session, &scene.ada.1).await;
    ada.send(&format!(r#"["1","2","location:{}","status_update",{{"status":"paused"}}]"#, scene.session.id))
        .await;
    assert_eq!(ada.heard().await[4]["status"], "ok");
    let cleo = scene.server.join(&scene.session, "Cleo").await;
    scene.post(&scene.address("gpslogger").await, &format!("lat=1&lon=2&timestamp={NOON}")).await;
    assert_eq!(told(&scene).await, said("gpslogger", "paused", None));
    // Nobody else is told, and a revoked link takes it along.
    let answer = scene.server.request("GET", &path(&scene.session, &cleo.0), Some(&cleo.1), "").await;
    assert_eq!(answer.body["last_report"], Value::Null);
    let own = path(&scene.session, &scene.ada.0);
    assert_eq!(scene.server.request("DELETE", &own, Some(&scene.ada.1), "").await.status, 200);
    assert_eq!(scene.last_report().await, Value::Null);
}

#[tokio::test]
async fn a_friend_keeps_the_two_letters_when_others_leave_and_over_a_restart() {
    let server = Server::start().await;
    let session = server.session().await;
    let mut people = Vec::new();
    for name in ["Ben", "Carl Dorn", "Cleo Dahl"] {
        let person = server.join(&session, name).await;
        people.push((address(&server, &session, &person.0, &person.1, "owntracks").await, person));
    }
    let [(bens, _), (carls, carl), (cleos, _)] = &people[..] else { panic!() };
    let friends = async |server: &crate::harness::At| {
        let answer = server.fetch("POST", bens, &[], "").await;
        let friends: Vec<Value> = serde_json::from_slice(&answer.bytes).unwrap();
        let located = friends.into_iter().filter(|object| object["_type"] == "location");
        located
            .map(|one| (one["lat"].as_f64().unwrap(), one["tid"].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let named = |lat: f64, tid: &str| (lat, tid.to_owned());
    for (address, lat) in [(carls, 1.0), (cleos, 2.0)] {
        assert_eq!(server.fetch("POST", address, &[], location(lat, NOON)).await.status, 200);
    }
    assert_eq!(friends(&server).await, [named(1.0, "CD"), named(2.0, "C2")]);
    let leave = format!("/api/sessions/{}/participants/{}", session.id, carl.0);
    assert_eq!(server.request("DELETE", &leave, Some(&carl.1), "").await.status, 200);
    assert_eq!(friends(&server).await, [named(2.0, "C2")]);
    // Somebody with the same initials gets others, for Carl's are on Ben's map still.
    let conny = server.join(&session, "Conny Dietz").await;
    let connys = address(&server, &session, &conny.0, &conny.1, "owntracks").await;
    assert_eq!(server.fetch("POST", &connys, &[], location(3.0, NOON)).await.status, 200);
    assert_eq!(friends(&server).await, [named(2.0, "C2"), named(3.0, "C3")]);

    let Server { running, directory, .. } = server;
    assert!(running.stop().await);
    let server = Server::start_in(directory, |_| {}).await;
    for (address, lat) in [(&connys, 3.0), (cleos, 2.0)] {
        assert_eq!(server.fetch("POST", address, &[], location(lat, NOON)).await.status, 200);
    }
    assert_eq!(friends(&server).await, [named(2.0, "C2"), named(3.0, "C3")]);
}

#[tokio::test]
async fn answers_are_compressed_and_cards_are_sent_now_and_then() {
    let scene = Scene::new().await;
    let mut all = Vec::new();
    for number in 0..20 {
        let person = scene.server.join(&scene.session, &format!("Person number {number}")).await;
        let address = address_of(&scene, &person, "owntracks").await;
        assert_eq!(scene.post(&address, &location(1.0, NOON)).await.status, 200);
        all.push(address);
    }
    let address = scene.address("owntracks").await;
    let ask = async |headers: &[(&str, &str)]| scene.server.fetch("POST", &address, headers, "").await;
    let plain = ask(&[]).await;
    let count = |bytes: &[u8], kind: &str| {
        let objects: Vec<Value> = serde_json::from_slice(bytes).unwrap();
        objects.iter().filter(|object| object["_type"] == kind).count()
    };
    assert_eq!((count(&plain.bytes, "location"), count(&plain.bytes, "card")), (20, 20));
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    // The cards have not changed.
    let smaller = ask(&[]).await;
    assert_eq!((count(&smaller.bytes, "location"), count(&smaller.bytes, "card")), (20, 0));
    let gzipped = ask(&[("accept-encoding", "gzip")]).await;
    assert_eq!(gzipped.header("content-encoding"), "gzip");
    assert!(gzipped.bytes.len() * 3 < smaller.bytes.len(), "{} {}", gzipped.bytes.len(), smaller.bytes.len());
    let mut read = String::new();
    flate2::read::GzDecoder::new(&gzipped.bytes[..]).read_to_string(&mut read).unwrap();
    assert_eq!(read.as_bytes(), &smaller.bytes[..]);
    assert_eq!(ask(&[("accept-encoding", "gzip;q=0, br")]).await.header("content-encoding"), "");
    // A short answer stays as it is.
    let short = scene
        .server
        .fetch(
            "POST",
            &scene.address("overland").await,
            &[("accept-encoding", "gzip")],
            r#"{"locations":[]}"#,
        )
        .await;
    assert_eq!((short.header("content-encoding"), text(&short)), ("", (200, r#"{"result":"ok"}"#)));
    // An app that began anew gets them again in a while.
    scene.server.clock.advance(CARD_LIFE);
    let later = NOON + i64::try_from(CARD_LIFE.as_secs()).unwrap();
    for one in &all[..2] {
        assert_eq!(scene.post(one, &location(1.0, later)).await.status, 200);
    }
    let again = ask(&[]).await;
    assert_eq!((count(&again.bytes, "location"), count(&again.bytes, "card")), (2, 2));
}
