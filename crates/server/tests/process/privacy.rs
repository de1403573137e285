//! What must never be written down is not written down, at the most talkative log level, whatever goes wrong.

use std::io::{Read, Write};

use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use crate::serving::Serving;

const OPERATOR: &str = "an operator's token that nobody guesses";
const LAT: &str = "12.3456789";
const LNG: &str = "-98.7654321";
const NAME: &str = "Wilhelmina";
const ADDRESS: &str = "198.51.100.77";

/// Asks for what is refused, each time with something secret in it: the answers must not repeat it.
fn refused(server: &Serving, session: &str, token: &str) -> Vec<String> {
    let position = format!(r#"{{"lat":{LAT},"lng":{LNG}}}"#);
    let requests = [
        ("POST", "/api/sessions".to_owned(), format!(r#"{{"name":{position}}}"#)),
        ("POST", "/api/sessions".to_owned(), format!("{position} and {token}")),
        ("POST", format!("/api/sessions/{session}/join"), format!(r#"{{"display_name":[{position}]}}"#)),
        ("POST", format!("/api/sessions/{session}/join"), format!(r#"{{"display_name":"{NAME}"}}"#)),
        ("POST", format!("/api/sessions/{session}/join"), format!(r#"{{"avatar_color":"{token}"}}"#)),
        ("PATCH", format!("/api/sessions/{session}"), position.clone()),
        ("DELETE", format!("/api/sessions/{session}/participants/{token}"), String::new()),
        ("GET", format!("/join/{session}/{token}?lat={LAT}&lng={LNG}"), String::new()),
        ("PUT", format!("/api/sessions/{session}"), position),
        ("GET", format!("/ws?token={token}&token={token}"), String::new()),
        ("GET", format!("/socket/websocket?token={token}"), String::new()),
    ];
    requests
        .into_iter()
        .map(|(method, path, body)| {
            let (status, head, body) = server.raw(method, &path, token, &body).unwrap();
            assert!(status >= 400, "{method} {path}: {status}");
            head + &body
        })
        .collect()
}

/// What a tracker app sends, good and bad.
fn reported(server: &Serving, secret: &str) -> Vec<String> {
    let location = format!(r#"{{"_type":"location","lat":{LAT},"lon":{LNG},"tst":1}}"#);
    let pairs = format!("lat={LAT}&lon={LNG}");
    let requests = [
        (format!("/track/{secret}/owntracks"), location),
        (format!("/track/{secret}/owntracks"), format!("{LAT} {LNG}")),
        (format!("/track/{secret}/traccar?{pairs}&timestamp={LAT}x"), String::new()),
        (format!("/track/{secret}/gpslogger"), pairs),
        (format!("/track/{secret}/{LAT}"), String::new()),
        (format!("/track/{secret}x/overland"), String::new()),
    ];
    let answer = |(path, body): (String, String)| {
        let (_, head, body) = server.raw("POST", &path, "", &body).unwrap();
        head + &body
    };
    requests.into_iter().map(answer).collect()
}

/// Sends requests as a client behind a proxy: some that succeed, some that are refused, and too many.
fn forwarded(server: &Serving, session: &str) -> Vec<String> {
    let ask = |method: &str, path: &str| {
        let mut stream = server.connect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-forwarded-for: {ADDRESS}\r\n\
             content-length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let session = format!("/api/sessions/{session}");
    let mut answers =
        vec![ask("GET", &session), ask("POST", &format!("{session}/join")), ask("GET", "/ws?token=x")];
    let too_much = (0..5).map(|_| ask("POST", "/api/sessions"));
    answers.extend(too_much.filter(|answer| answer.starts_with("HTTP/1.1 429")));
    assert!(answers.len() > 3, "the address was not believed");
    answers
}

/// Sends over a socket what is taken and what is not; returns what the sender is told.
fn sent(server: &Serving, session: &str, token: &str) -> Vec<String> {
    let mut told = Vec::new();
    let mut plain = server.socket(&format!("/ws?token={token}")).unwrap();
    let mut phoenix = server.socket(&format!("/socket/websocket?vsn=2.0.0&token={token}")).unwrap();
    phoenix.send(Message::text(format!(r#"["1","1","location:{session}","phx_join",{{}}]"#))).unwrap();
    for frame in [
        format!(r#"{{"type":"location_update","data":{{"lat":{LAT},"lng":{LNG}}}}}"#),
        format!(r#"{{"type":"location_update","data":{{"lat":"{LAT}","lng":{LNG}}}}}"#),
        format!(r#"{{"type":"location_update","data":{{"lat":{LAT},"lng":{LNG},"accuracy":-1}}}}"#),
        format!(r#"{{"type":"{LAT}","data":{{"lat":{LAT}}}}}"#),
        format!("{LAT} {LNG}"),
    ] {
        plain.send(Message::text(frame)).unwrap();
    }
    for _ in 0..4 {
        // Two frames of snapshot come first, with the session's people in them.
        while let Message::Text(text) = plain.read().unwrap() {
            if text.contains(r#""type":"error""#) {
                told.push(text.to_string());
                break;
            }
        }
    }
    let frame = format!(r#"["1","2","location:{session}","location_update",{{"lat":{LAT},"lng":9{LNG}}}]"#);
    phoenix.send(Message::text(frame)).unwrap();
    phoenix.send(Message::text(format!("[{LAT},{LNG}"))).unwrap();
    while let Ok(message) = phoenix.read() {
        if let Message::Close(Some(close)) = message {
            told.push(close.reason.to_string());
        }
    }
    told
}

#[test]
fn no_coordinate_token_link_name_or_address_is_logged_or_repeated() {
    let home = TempDir::new().unwrap();
    for format in ["json", "human"] {
        let settings = [
            ("LOG_LEVEL", "trace"),
            ("LOG_FORMAT", format),
            ("TRUSTED_PROXIES", "127.0.0.1"),
            ("SESSIONS_PER_HOUR", "3"),
            ("ADMIN_TOKEN", OPERATOR),
        ];
        let mut server = Serving::start_with(home.path(), &settings);
        let (_, made) = server.ask("POST", "/api/sessions", "", &format!(r#"{{"name":"{NAME}"}}"#)).unwrap();
        let text = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap().to_owned();
        let (session, creator) = (text(&made, "session_id"), text(&made, "creator_token"));
        let join = format!("/api/sessions/{session}/join");
        let (_, joined) = server.ask("POST", &join, "", &format!(r#"{{"display_name":"{NAME}"}}"#)).unwrap();
        let (user, token) = (text(&joined, "user_id"), text(&joined, "websocket_token"));

        let trackers = format!("/api/sessions/{session}/participants/{user}/trackers");
        let (_, trackers) = server.ask("GET", &trackers, &token, "").unwrap();
        let address = trackers["trackers"][0]["address"].as_str().unwrap();
        let secret = address.split('/').nth_back(1).unwrap().to_owned();
        let tracked = reported(&server, &secret);

        let forwarded = forwarded(&server, &session);
        assert!(forwarded.iter().all(|answer| !answer.contains(ADDRESS)), "{ADDRESS} was repeated");
        let mut answers = refused(&server, &session, &token);
        answers.extend(tracked);
        answers.extend(sent(&server, &session, &token));
        let ended = server.ask("DELETE", &format!("/api/sessions/{session}"), &creator, "");
        assert_eq!(ended.unwrap().0, 200);
        answers.extend(refused(&server, &session, &token));
        let (status, _, metrics) = server.raw("GET", "/metrics", OPERATOR, "").unwrap();
        assert!(status == 200 && metrics.contains("tagalong_messages_refused_total{"), "{metrics}");
        assert!(!metrics.contains("127.0.0.1"), "{metrics}");
        answers.push(metrics);
        server.kill();
        let log = server.log();
        assert!(log.lines().count() > 20, "the log was not kept: {log}");

        let secrets =
            [OPERATOR, ADDRESS, LAT, LNG, &LNG[1..], NAME, &session, &user, &token, &creator, &secret];
        for secret in secrets {
            assert!(!log.contains(secret), "{secret} was logged");
            assert!(!answers.iter().any(|answer| answer.contains(secret)), "{secret} was repeated");
        }
        // Nor their beginnings, apart from what tells two sessions apart.
        assert!(!log.contains(&session[..13]) && !log.contains(&token[..40]));
    }
}
