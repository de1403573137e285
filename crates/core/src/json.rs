//! JSON of the live side. The snapshot for a new subscriber has hundreds of texts in a full session. A general
//! serializer checks them byte by byte, which took a quarter of the processor time of a join. Hence this writer for
//! texts.

use serde::Serialize;

pub fn to_json(value: &impl Serialize) -> String {
    // Cannot fail: all types here have string keys and finite numbers.
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

/// Whether JSON text can only be an object. A derived `Deserialize` would take an array too, as the fields
/// in their order.
pub(crate) fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

/// Appends a text as a JSON string.
pub(crate) fn push_text(json: &mut String, text: &str) {
    let escaped = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    // No early exit, so that the compiler checks many bytes at a time.
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
