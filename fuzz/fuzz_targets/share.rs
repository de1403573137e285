//! What another node wrote: a share that is read is written and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::share::Share;

fuzz_target!(|text: &str| {
    if let Ok(share) = Share::parse(text) {
        assert_eq!(Share::parse(&share.to_json()).as_ref(), Ok(&share));
    }
});
