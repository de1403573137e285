//! From one database to another, as an operator does it.

use std::fs::File;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::serving::{Serving, tagalong, text};

fn import(home: &TempDir, file: &std::path::Path) -> Output {
    tagalong(home.path(), &["import"]).stdin(File::open(file).unwrap()).output().unwrap()
}

#[test]
fn a_session_goes_on_in_another_database_with_its_people_and_tokens() {
    let (old, new) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = Serving::start(old.path());
    let (_, session) = server.ask("POST", "/api/sessions", "", r#"{"name":"Alps"}"#).unwrap();
    let path = format!("/api/sessions/{}", session["session_id"].as_str().unwrap());
    let (_, ada) = server.ask("POST", &format!("{path}/join"), "", r#"{"display_name":"Ada"}"#).unwrap();
    let (_, mut before) = server.ask("GET", &path, "", "").unwrap();
    drop(server);

    let output = tagalong(old.path(), &["export"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr).trim(), "exported sessions: 1, participants: 1");
    let lines = text(&output.stdout);
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{lines}");
    let file = new.path().join("sessions.jsonl");
    std::fs::write(&file, &lines).unwrap();
    let output = import(&new, &file);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).trim(), "imported sessions: 1, participants: 1");

    // A second time nothing is changed, and one line says why.
    let output = import(&new, &file);
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(error.lines().count() == 1 && error.contains("line 2") && error.contains("already"), "{error}");

    std::fs::copy(old.path().join("data/jwt.key"), new.path().join("data/jwt.key")).unwrap();
    // A database server wants a key that all nodes share; the old one is still believed.
    let server = Serving::start_with(new.path(), &[("JWT_SECRET", "bnfmPW5lTStN9YWdnKVM3AzkxPMjyf0iC")]);
    let (_, mut after) = server.ask("GET", &path, "", "").unwrap();
    for session in [&mut before, &mut after] {
        session.as_object_mut().unwrap().remove("server_time").unwrap();
    }
    assert_eq!(after, before);
    let leave = format!("{path}/participants/{}", ada["user_id"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &leave, ada["websocket_token"].as_str().unwrap(), "").unwrap().0, 200);
    assert_eq!(server.ask("DELETE", &path, session["creator_token"].as_str().unwrap(), "").unwrap().0, 200);
}
