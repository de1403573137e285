//! What text from people may contain, and when two texts look the same.

use unicode_normalization::UnicodeNormalization;

/// Why a text cannot be shown to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    /// There is nothing to see.
    Blank,
    /// More characters than allowed.
    TooLong,
    /// Something that does not belong into a line of text.
    Control,
}

/// A line of text as it is kept: in Unicode's composed form (NFC), without the blanks around it.
///
/// Control characters have no place in a name (and PostgreSQL cannot store a NUL), and those that turn the
/// direction of writing would turn what stands beside the name too. The length counts characters after
/// normalisation.
pub(crate) fn line(text: &str, chars_max: usize) -> Result<Box<str>, Unfit> {
    let text: String = text.nfc().collect();
    let text = text.trim_matches(is_blank);
    if text.chars().any(breaks_the_line) {
        return Err(Unfit::Control);
    }
    if text.is_empty() {
        return Err(Unfit::Blank);
    }
    if text.chars().count() > chars_max {
        return Err(Unfit::TooLong);
    }
    Ok(text.into())
}

/// The line that is nearest to a text that was let in under other rules; empty if nothing is left of it.
pub(crate) fn nearest_line(text: &str, chars_max: usize) -> String {
    let plain: String =
        text.chars().map(|char| if breaks_the_line(char) { ' ' } else { char }).nfc().collect();
    let cut: String = plain.trim_matches(is_blank).chars().take(chars_max).collect();
    cut.trim_end_matches(is_blank).to_owned()
}

/// The same for two texts that people would take for the same: whatever the case, the form in which characters
/// are composed or compatible, the width of blanks, and what is invisible.
pub(crate) fn look(text: &str) -> String {
    let visible = text.nfkc().filter(|char| !is_invisible(*char));
    // Down, up and down again: the small sharp s is SS in capitals, and the capital one has a small one first.
    let small = visible.flat_map(char::to_lowercase);
    let folded: String = small.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_blank(char: char) -> bool {
    char.is_whitespace() || is_invisible(char)
}

fn breaks_the_line(char: char) -> bool {
    char.is_control()
        // Embeddings, overrides and isolates (Unicode's bidirectional algorithm, section 2), and separators.
        || matches!(char, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Characters that take no place of their own. Within a text some are needed: joiners make emoji.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2060}'..='\u{2064}'
            | '\u{206A}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_kept() {
        let kept = |text: &str| line(text, 10).map(String::from);
        assert_eq!(kept(" Zoe\u{308}\u{a0}").as_deref(), Ok("Zo\u{eb}"));
        assert_eq!(kept("\u{feff}Ada\u{200b}").as_deref(), Ok("Ada"));
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        assert_eq!(kept(family).as_deref(), Ok(family));
        for blank in ["", " \t ", "\u{200b}\u{2800}", "\u{3164}"] {
            assert_eq!(kept(blank), Err(Unfit::Blank), "{blank:?}");
        }
        for control in ["a\u{0}b", "a\nb", "\u{202e}abc", "a\u{2066}b", "a\u{2028}b", "a\u{85}b"] {
            assert_eq!(kept(control), Err(Unfit::Control), "{control:?}");
        }
        // Ten letters with an accent each are ten characters however they are sent.
        assert!(kept(&"e\u{301}".repeat(10)).is_ok());
        assert_eq!(kept(&"e\u{301}".repeat(11)), Err(Unfit::TooLong));
    }

    #[test]
    fn what_looks_the_same() {
        for (one, other) in [
            ("Ada", "ADA"),
            ("Zo\u{eb}", "zoe\u{308}"),
            ("Stra\u{df}e", "STRASSE"),
            ("STRA\u{1e9e}E", "strasse"),
            ("Ada  Ben", "ada\u{2003}ben"),
            ("\u{ff21}da", "ada"),
            ("A\u{200d}da", "ada"),
            ("\u{fb01}n", "FIN"),
        ] {
            assert_eq!(look(one), look(other), "{one:?} {other:?}");
        }
        assert_ne!(look("Ada"), look("Adam"));
    }

    proptest! {
        #[test]
        fn a_line_is_kept_as_it_is_once_it_has_been_read(text: String) {
            if let Ok(kept) = line(&text, 100) {
                prop_assert_eq!(line(&kept, 100), Ok(kept.clone()));
                prop_assert_eq!(look(&text), look(&kept));
            }
        }

        #[test]
        fn what_was_let_in_before_becomes_a_line(text: String) {
            let nearest = nearest_line(&text, 10);
            let kept = line(&nearest, 10).map(String::from);
            prop_assert!(kept == Ok(nearest.clone()) || nearest.is_empty());
        }

        #[test]
        fn a_look_looks_like_itself(text: String) {
            prop_assert_eq!(look(&look(&text)), look(&text));
        }
    }
}
