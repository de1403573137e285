//! Any text as a name, a colour, an id or a time: what is accepted is read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName};
use tagalong_core::session::SessionName;
use tagalong_core::time::Timestamp;

fuzz_target!(|text: &str| {
    if let Ok(id) = SessionId::parse(text) {
        assert_eq!(SessionId::parse(&id.to_string()), Ok(id));
    }
    if let Ok(id) = UserId::parse(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(name) = DisplayName::parse(text) {
        assert_eq!(DisplayName::parse(name.as_str()), Ok(name.clone()));
        // How it looks is at least something: two blank looks would be one name.
        let key = name.confusable_key();
        assert!(!key.caseless.is_empty() && !key.skeleton.is_empty());
        // Neither case nor what is invisible makes another name of it.
        if let Ok(loud) = DisplayName::parse(&name.as_str().to_uppercase()) {
            assert_eq!(loud.confusable_key().caseless, key.caseless);
        }
        let parted: String = name.as_str().chars().flat_map(|char| [char, '\u{200b}', '\u{e0101}']).collect();
        if let Ok(parted) = DisplayName::parse(&parted) {
            assert_eq!(parted.confusable_key(), key);
        }
    }
    // Rows of other programs are read under our rules.
    assert!(DisplayName::parse(DisplayName::restore(text).as_str()).is_ok());
    if let Some(name) = SessionName::restore(text) {
        assert_eq!(SessionName::parse(name.as_str()), Ok(Some(name.clone())));
    }
    if let Ok(Some(name)) = SessionName::parse(text) {
        assert_eq!(SessionName::parse(name.as_str()), Ok(Some(name.clone())));
    }
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
    let _ = AvatarColor::parse(text);
});
