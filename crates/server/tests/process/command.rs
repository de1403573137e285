//! What a user sees who starts it: settings and where they come from, commands, what is kept and what is said.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use tempfile::TempDir;

use crate::serving::{Serving, tagalong, text};

/// The one line with which a command refuses.
fn refusal(output: &Output) -> String {
    assert!(!output.status.success());
    assert_eq!(text(&output.stdout), "");
    let error = text(&output.stderr);
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn flags_come_before_the_environment_before_dot_env_before_the_file() {
    let home = TempDir::new().unwrap();
    let file = "port = 1\nmax_session_hours = 1\nsession_inactivity_hours = 1\nretention_hours = 1\n";
    std::fs::write(home.path().join("tagalong.toml"), file).unwrap();
    let dot_env = "PORT=2\nMAX_SESSION_HOURS=2\nSESSION_INACTIVITY_HOURS=2\nSECRET_KEY_BASE=not-ours\n";
    std::fs::write(home.path().join(".env"), dot_env).unwrap();
    let output = tagalong(home.path(), &["config", "--port", "4"])
        .env("PORT", "3")
        .env("MAX_SESSION_HOURS", "3")
        .output()
        .unwrap();
    let table = text(&output.stdout);
    for (name, value, source) in [
        ("PORT", "4", "flag"),
        ("MAX_SESSION_HOURS", "3", "environment"),
        ("SESSION_INACTIVITY_HOURS", "2", ".env"),
        ("RETENTION_HOURS", "1", "config file"),
        ("MAX_PARTICIPANTS_PER_SESSION", "50", "default"),
    ] {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!((words[1], words[2..].join(" ").as_str()), (value, source), "{line}");
    }
}

#[test]
fn the_replaced_systems_names_are_read_too() {
    let home = TempDir::new().unwrap();
    let output = tagalong(home.path(), &["config"])
        .env("PHX_PORT", "4321")
        .env("PHX_HOST", "map.example.org")
        .output()
        .unwrap();
    let table = text(&output.stdout);
    assert!(table.contains("4321") && table.contains("map.example.org"), "{table}");
}

#[test]
fn secrets_are_masked() {
    let home = TempDir::new().unwrap();
    let secret = "a-secret-that-is-long-enough-for-a-key";
    let output = tagalong(home.path(), &["config"]).env("JWT_SECRET", secret).output().unwrap();
    let table = text(&output.stdout);
    assert!(table.contains("********") && !table.contains(secret), "{table}");
    let short = tagalong(home.path(), &["config"]).env("JWT_SECRET", "too-short").output().unwrap();
    let error = refusal(&short);
    assert!(error.contains("JWT_SECRET") && !error.contains("too-short"), "{error}");
    let typed = tagalong(home.path(), &["config"]).env("JWT_SECRET", "abcabc".repeat(8)).output().unwrap();
    assert!(refusal(&typed).contains("openssl rand"));
}

#[test]
fn a_wrong_or_unknown_setting_stops_the_start_with_one_line_that_names_it() {
    let home = TempDir::new().unwrap();
    for (name, value) in [
        ("PORT", "70000"),
        ("BIND", "everywhere"),
        ("PUBLIC_URL", "map example"),
        ("CORS_ORIGINS", "https://ok.example,nonsense"),
        ("DATABASE_URL", "mysql://db"),
        ("DB_POOL_SIZE", "0"),
        ("MAX_SESSION_HOURS", "0"),
        ("MAX_PARTICIPANTS_PER_SESSION", "101"),
        ("LOCATION_TTL_SECONDS", "30s"),
        ("RATE_LIMITS", "maybe"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ] {
        let error = refusal(&tagalong(home.path(), &["serve"]).env(name, value).output().unwrap());
        assert!(error.contains(name), "{error}");
    }
    let files =
        [(".env", "MAX_SESION_HOURS=3\n", "MAX_SESION_HOURS"), ("tagalong.toml", "prot = 1\n", "prot")];
    for (file, content, name) in files {
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join(file), content).unwrap();
        let error = refusal(&tagalong(home.path(), &["serve"]).output().unwrap());
        assert!(error.contains(file) && error.contains(name) && error.contains("did you mean"), "{error}");
    }
    let flag = tagalong(home.path(), &["--prot", "1"]).output().unwrap();
    assert!(!flag.status.success() && text(&flag.stderr).contains("'--prot'"));
}

#[test]
fn no_password_in_any_setting_is_shown() {
    let home = TempDir::new().unwrap();
    for setting in tagalong::config::SETTINGS {
        for (value, is_address) in [
            ("http://ada:hunter2@host.example:4318", true),
            ("https://a.example,https://ada:hunter2@b.example", true),
            ("http://ada:hun/ter?2#hunter2@host.example:4318/{z}/{x}/{y}", false),
            ("ada:hunter2@host.example", false),
            ("redis://:hunter2@host.example:99999/x", true),
        ] {
            let output = tagalong(home.path(), &["config"]).env(setting.name, value).output().unwrap();
            let said = text(&output.stdout) + &text(&output.stderr);
            // What is no address and is taken all the same is a text or a path, which has no password.
            let is_text = output.status.success() && !is_address;
            assert!(is_text || !said.contains("hunter2"), "{}: {said}", setting.name);
        }
    }
}

#[test]
fn a_shell_that_allows_few_open_files_bounds_no_crowd() {
    let home = TempDir::new().unwrap();
    let serving = Serving::start_with_files(home.path(), 64);
    let (allowed, most) = serving.open_files_max();
    assert_eq!(allowed, most);
    assert_ne!(allowed, "64");
}

#[test]
fn a_start_that_cannot_work_says_why_in_one_line() {
    let home = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = tagalong(home.path(), &["--bind", "127.0.0.1", "--port", &port]).output().unwrap();
    assert!(refusal(&output).contains(&port));
    std::fs::write(home.path().join("file"), "").unwrap();
    let output = tagalong(home.path(), &["--port", "0", "--data-dir", "file/inside"]).output().unwrap();
    assert!(refusal(&output).contains("DATA_DIR"));
    std::fs::create_dir(home.path().join("data")).unwrap();
    std::fs::write(home.path().join("data/jwt.key"), "short").unwrap();
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(home.path().join("data/jwt.key"), private).unwrap();
    let output = tagalong(home.path(), &["--port", "0"]).output().unwrap();
    assert!(refusal(&output).contains("jwt.key"));
}

#[test]
fn the_key_and_the_database_are_made_once_and_are_private() {
    let home = TempDir::new().unwrap();
    drop(Serving::start(home.path()));
    let key = std::fs::read(home.path().join("data/jwt.key")).unwrap();
    assert_eq!(key.len(), 32);
    for file in ["jwt.key", "tagalong.db"] {
        let mode = std::fs::metadata(home.path().join("data").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let directory = std::fs::metadata(home.path().join("data")).unwrap();
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    drop(Serving::start(home.path()));
    assert_eq!(std::fs::read(home.path().join("data/jwt.key")).unwrap(), key);
}

#[test]
fn a_key_and_a_database_that_others_may_read_are_taken_from_them_with_a_warning() {
    let home = TempDir::new().unwrap();
    drop(Serving::start(home.path()));
    let files = ["jwt.key", "tagalong.db"].map(|file| home.path().join("data").join(file));
    for file in &files {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let mut serving = Serving::start(home.path());
    serving.kill();
    let log = serving.log();
    for file in &files {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        let warned = log.lines().filter(|line| line.contains(file.file_name().unwrap().to_str().unwrap()));
        assert_eq!(warned.count(), 1, "{log}");
    }
}

#[test]
fn health_asks_a_running_server() {
    let home = TempDir::new().unwrap();
    let server = Serving::start(home.path());
    let health = |port: &str| {
        tagalong(home.path(), &["health", "--bind", "127.0.0.1", "--port", port]).output().unwrap()
    };
    let port = server.port().to_string();
    let answer = health(&port);
    assert!(answer.status.success());
    assert_eq!(text(&answer.stdout).trim(), r#"{"status":"ready"}"#);
    drop(server);
    assert!(refusal(&health(&port)).contains(&port));
}

#[test]
fn health_asks_a_server_with_tls_too() {
    let home = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["map.example.org".to_owned()]).unwrap();
    std::fs::write(home.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(home.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(home.path().join(".env"), "TLS_CERT_FILE=cert.pem\nTLS_KEY_FILE=key.pem\n").unwrap();
    let server = Serving::start(home.path());
    let port = server.port().to_string();
    let answer = tagalong(home.path(), &["health", "--bind", "127.0.0.1", "--port", &port]).output().unwrap();
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    assert_eq!(text(&answer.stdout).trim(), r#"{"status":"ready"}"#);
}

#[test]
fn migrate_makes_the_database_and_says_so() {
    let home = TempDir::new().unwrap();
    for _ in 0..2 {
        let output = tagalong(home.path(), &["migrate"]).output().unwrap();
        assert!(output.status.success() && text(&output.stdout).contains("up to date"));
    }
    assert!(home.path().join("data/tagalong.db").exists());
}

#[test]
fn help_version_and_completions_are_for_people() {
    let home = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        let output = tagalong(home.path(), arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        text(&output.stdout)
    };
    let help = run(&["--help"]);
    for setting in tagalong::config::SETTINGS {
        assert!(help.contains(&format!("--{}", setting.flag())) && help.contains(setting.name));
    }
    for command in ["serve", "migrate", "export", "import", "config", "health", "completions"] {
        assert!(help.contains(command), "{help}");
        run(&[command, "--help"]);
    }
    assert_eq!(run(&["--version"]).trim(), format!("tagalong {}", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).contains("max-session-hours"), "{shell}");
    }
    let manual = run(&["man"]);
    assert!(manual.contains(".TH tagalong 1") && manual.contains("max\\-session\\-hours"), "{manual}");
}
