//! Any text as a `vsn` parameter or as what somebody says of their sharing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::event::SharingStatus;
use tagalong_core::json::to_json;
use tagalong_core::phoenix::Version;

fuzz_target!(|text: &str| {
    if let Ok(version) = Version::negotiate(Some(text)) {
        let major = if version == Version::V1 { "1.0." } else { "2.0." };
        assert!(text.starts_with(major), "{text}");
    }
    if let Ok(status) = SharingStatus::parse(text) {
        let written = format!(r#"{{"status":{}}}"#, to_json(&status));
        assert_eq!(SharingStatus::parse(&written), Ok(status));
    }
});
