//! JSON that is written by the thousand: what whoever comes in is told of everyone.
//!
//! In a full session that is hundreds of texts. Byte by byte, as a serializer that must be ready for anything writes
//! them, they were a quarter of the processor's time that an arrival takes.

use crate::event::to_json;

/// Appends a text as a JSON string.
pub(crate) fn push_text(json: &mut String, text: &str) {
    let escaped = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    // Looked at to the end, whatever is found: so it is done for many bytes at a time.
    if text.bytes().fold(false, |any, byte| any | escaped(byte)) {
        json.push_str(&to_json(&text));
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

/// Appends each of `items` as `push` does, with commas in between.
pub(crate) fn push_all<T>(
    json: &mut String,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut String, T),
) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        push(json, item);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_what_the_serializer_makes_of_it(text in "\\PC*|[\0-\u{7f}]*") {
            let mut json = String::new();
            push_text(&mut json, &text);
            prop_assert_eq!(json, to_json(&text));
        }
    }
}
