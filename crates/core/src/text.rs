//! Rules for text from people: allowed characters, and when two texts look the same.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, Script};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_bidi::{BidiInfo, Level};
use unicode_normalization::UnicodeNormalization;

use crate::limits::MARKS_IN_A_ROW_MAX;

/// Why a text cannot be shown to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    /// No visible character.
    Blank,
    TooLong,
    /// A control character, or another that a line of text may not have.
    Control,
    Marks,
}

/// Keys of a text's look. Two texts with the same key can be mistaken for each other.
///
/// Two keys, because one that ignores the case as well as lookalikes would make i, I and l one letter, and Elia and
/// Ella one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfusableKey {
    /// The same for texts that differ only in case, in composition, in invisible characters, and in small letters that
    /// look alike.
    pub caseless: String,
    /// The same for texts that are drawn alike, which is Unicode's skeleton (UTS 39, section 4): a Cyrillic А is a
    /// Latin A, a capital I a small l, a zero an O.
    pub skeleton: String,
}

/// A line of text in the form that is stored: Unicode's composed form (NFC), trimmed, without invisible characters that
/// change nothing.
///
/// Control characters are rejected (PostgreSQL cannot store a NUL), also those that change the writing direction,
/// because they would turn the text beside the name too. The length counts characters after normalisation.
pub(crate) fn line(text: &str, chars_max: usize) -> Result<Box<str>, Unfit> {
    let text: String = text.chars().filter(|char| !is_idle(*char)).nfc().collect();
    let text = text.trim_matches(is_blank);
    if text.chars().any(breaks_the_line) {
        return Err(Unfit::Control);
    }
    if text.chars().all(|char| is_blank(char) || is_ignorable(char)) {
        return Err(Unfit::Blank);
    }
    if without_excess_marks(text.chars()).count() != text.chars().count() {
        return Err(Unfit::Marks);
    }
    if text.chars().count() > chars_max {
        return Err(Unfit::TooLong);
    }
    Ok(text.into())
}

/// The valid line nearest to a text that was accepted under other rules; empty if nothing valid is left.
pub(crate) fn nearest_line(text: &str, chars_max: usize) -> String {
    let plain = text.chars().filter(|char| !is_idle(*char));
    let plain: String = plain.map(|char| if breaks_the_line(char) { ' ' } else { char }).nfc().collect();
    // Together: when a mark at the beginning goes, the blanks after it are at the beginning.
    let begun = plain.trim_start_matches(|char| is_blank(char) || is_mark(char)).trim_end_matches(is_blank);
    let cut: String = without_excess_marks(begun.chars()).take(chars_max).collect();
    let cut = cut.trim_end_matches(is_blank);
    if cut.chars().all(|char| is_blank(char) || is_ignorable(char)) { String::new() } else { cut.to_owned() }
}

pub(crate) fn confusable_key(text: &str) -> ConfusableKey {
    let seen = seen(text);
    ConfusableKey {
        caseless: with_single_blanks(&fold(&skeleton(&fold(&seen)))),
        skeleton: with_single_blanks(&fold(&skeleton(&in_order_of_display(&seen)))),
    }
}

/// The visible part of a text, in Unicode's compatible form (NFKC), with one box for all characters without a glyph.
fn seen(text: &str) -> String {
    let drawn = |char: char| match CodePointMapData::<GeneralCategory>::new().get(char) {
        _ if is_blank(char) => ' ',
        GeneralCategory::Unassigned | GeneralCategory::PrivateUse => char::REPLACEMENT_CHARACTER,
        _ => char,
    };
    let shown = text.chars().filter(|char| !is_ignorable(*char));
    without_foreign_marks(shown).map(drawn).nfkc().collect()
}

/// Removes marks of another script than their letter's: fonts draw nothing there, or a circle. Accents and other marks
/// that all scripts share stay.
fn without_foreign_marks(chars: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    let script_of = |char| CodePointMapData::<Script>::new().get(char);
    let mut letters = Script::Common;
    chars.filter(move |char| {
        let script = script_of(*char);
        if !is_mark(*char) {
            letters = script;
            return true;
        }
        matches!(script, Script::Inherited | Script::Common) || script == letters
    })
}

fn fold(text: &str) -> String {
    // Down, up and down again: the small sharp s is SS in capitals, and the capital one has a small one first.
    let small = text.chars().flat_map(char::to_lowercase);
    small.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

fn skeleton(text: &str) -> String {
    unicode_security::skeleton(text).collect()
}

/// The characters in the order of display, from left to right: digits and Latin between letters that are written from
/// right to left move. (UTS 39 calls the skeleton of this the bidirectional one.)
fn in_order_of_display(text: &str) -> String {
    let bidi = BidiInfo::new(text, Some(Level::ltr()));
    bidi.paragraphs.iter().map(|paragraph| bidi.reorder_line(paragraph, paragraph.range.clone())).collect()
}

fn with_single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Keeps only the first few of combining marks in a row.
fn without_excess_marks(chars: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    // A mark at the beginning would be drawn over the neighbouring text.
    let mut in_a_row = MARKS_IN_A_ROW_MAX;
    chars.filter(move |char| {
        if is_ignorable(*char) {
            return true;
        }
        in_a_row = if is_mark(*char) { in_a_row + 1 } else { 0 };
        in_a_row <= MARKS_IN_A_ROW_MAX
    })
}

/// Whether a character is drawn over or under the letter before it.
fn is_mark(char: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(char);
    matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

fn breaks_the_line(char: char) -> bool {
    char.is_control()
        // Embeddings, overrides and isolates (Unicode's bidirectional algorithm, section 2), and separators.
        || matches!(char, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
        // Interlinear annotations, and the place of an object that is not in the text.
        || matches!(char, '\u{FFF9}'..='\u{FFFC}')
        || is_noncharacter(char)
}

/// Code points that are no characters and never will be (Unicode, section 23.7).
fn is_noncharacter(char: char) -> bool {
    matches!(char, '\u{FDD0}'..='\u{FDEF}') || u32::from(char) & 0xFFFE == 0xFFFE
}

/// Characters with a width but without a glyph.
fn is_blank(char: char) -> bool {
    // An empty pattern of Braille, fillers of Hangul, an empty note, and blanks of Egyptian.
    char.is_whitespace()
        || matches!(char, '\u{2800}' | '\u{3164}' | '\u{FFA0}' | '\u{1D159}' | '\u{13441}' | '\u{13442}')
}

/// Characters without glyph and width (Default_Ignorable_Code_Point), and the joiners of Egyptian.
fn is_ignorable(char: char) -> bool {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char);
    (ignorable || matches!(char, '\u{13430}'..='\u{1343F}')) && !is_blank(char)
}

/// Ignorable characters without which a name looks the same.
fn is_idle(char: char) -> bool {
    is_ignorable(char) && !shapes_what_is_beside_it(char) && !breaks_the_line(char)
}

/// Joiners, which emoji, Persian and Indic scripts need; variants; fillers within a syllable of Hangul; and the tags of
/// a flag.
fn shapes_what_is_beside_it(char: char) -> bool {
    matches!(
        char,
        '\u{34F}'
            | '\u{115F}' | '\u{1160}'
            | '\u{180B}'..='\u{180D}' | '\u{180F}'
            | '\u{200C}' | '\u{200D}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{13430}'..='\u{1343F}'
            | '\u{E0020}'..='\u{E007F}'
            | '\u{E0100}'..='\u{E01EF}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(text: &str) -> Result<String, Unfit> {
        line(text, 10).map(String::from)
    }

    fn alike(one: &str, other: &str) -> bool {
        let (one, other) = (confusable_key(one), confusable_key(other));
        one.caseless == other.caseless || one.skeleton == other.skeleton
    }

    #[test]
    fn what_is_kept() {
        for (text, as_kept) in [
            (" Zoe\u{308}\u{a0}", "Zo\u{eb}"),
            ("\u{feff}Ada\u{200b}", "Ada"),
            ("A\u{ad}d\u{200f}a\u{e0001}\u{fff0}", "Ada"),
            ("\u{3164}Ada\u{2800} ", "Ada"),
        ] {
            assert_eq!(kept(text).as_deref(), Ok(as_kept), "{text:?}");
        }
        // A family, the flag of England, a heart in colour, Persian with a joiner, Hebrew with points, Vietnamese.
        for whole in [
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "\u{2764}\u{fe0f}",
            "\u{645}\u{6cc}\u{200c}\u{62e}",
            "\u{5e9}\u{5b8}\u{5bc}\u{5c1}",
            "Nguy\u{1ec5}n",
        ] {
            assert_eq!(kept(whole).as_deref(), Ok(whole));
        }
        // Ten letters with an accent each are ten characters however they are sent.
        assert!(kept(&"e\u{301}".repeat(10)).is_ok());
        assert_eq!(kept(&"e\u{301}".repeat(11)), Err(Unfit::TooLong));
    }

    #[test]
    fn what_is_refused() {
        let blanks =
            ["", " \t ", "\u{200b}\u{2800}", "\u{3164}", "\u{e0020}", "\u{e0061}", "\u{2065}", "\u{1d173}"];
        for blank in blanks.into_iter().chain(["\u{fe0f}", "\u{200d}\u{200d}", "\u{34f}", "\u{1d159}"]) {
            assert_eq!(kept(blank), Err(Unfit::Blank), "{blank:?}");
        }
        for mark in ["\u{301}", "\u{489}", "\u{301}Ada", " \u{332}Ada", "\u{34f}\u{301}"] {
            assert_eq!(kept(mark), Err(Unfit::Marks), "{mark:?}");
        }
        for control in ["a\u{0}b", "a\nb", "\u{202e}abc", "a\u{2066}b", "a\u{2028}b", "a\u{85}b"] {
            assert_eq!(kept(control), Err(Unfit::Control), "{control:?}");
        }
        for never in
            ["Ada\u{fff9}", "A\u{fffa}da", "Ada\u{fffb}", "\u{fffc}", "Ada\u{fffe}", "\u{ffff}", "\u{fdd0}"]
        {
            assert_eq!(kept(never), Err(Unfit::Control), "{never:?}");
        }
        assert_eq!(kept("\u{10ffff}"), Err(Unfit::Control));
        let marks = |count| format!("a{}", "\u{30d}".repeat(count));
        assert!(kept(&marks(MARKS_IN_A_ROW_MAX)).is_ok());
        assert_eq!(kept(&marks(MARKS_IN_A_ROW_MAX + 1)), Err(Unfit::Marks));
        // Invisible characters between marks do not separate them.
        assert_eq!(kept("a\u{30d}\u{30d}\u{30d}\u{200d}\u{30d}\u{30d}"), Err(Unfit::Marks));
    }

    #[test]
    fn every_invisible_character_is_passed_over() {
        let invisible = ('\u{0}'..=char::MAX).filter(|char| {
            CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(*char) && !is_blank(*char)
        });
        let mut count = 0;
        for char in invisible {
            count += 1;
            let text = format!("A{char}da");
            assert!(alike(&text, "Ada"), "{text:?}");
            let kept = kept(&format!("{char}"));
            assert!(matches!(kept, Err(Unfit::Blank | Unfit::Control)), "{text:?}");
        }
        assert!(count > 4000, "{count}");
    }

    #[test]
    fn confusable_names_share_a_key() {
        for (one, other) in [
            ("Ada", "ADA"),
            ("Zo\u{eb}", "zoe\u{308}"),
            ("Stra\u{df}e", "STRASSE"),
            ("STRA\u{1e9e}E", "strasse"),
            ("Ada  Ben", "ada\u{2003}ben"),
            ("Ada Ben", "Ada\u{3164}Ben"),
            ("\u{ff21}da", "ada"),
            ("A\u{200d}da", "ada"),
            ("\u{fb01}n", "FIN"),
            // Cyrillic and Greek letters for Latin ones, and the other way round.
            ("\u{410}nna", "Anna"),
            ("\u{410}nn\u{430}", "ANNA"),
            ("\u{410}\u{41d}\u{41d}\u{410}", "AHHA"),
            ("\u{39a}ate", "KATE"),
            ("\u{3bf}tt\u{3bf}", "Otto"),
            ("\u{1d400}da", "Ada"),
            // Letters and digits that many fonts draw alike.
            ("Ida", "lda"),
            ("Bill", "BiII"),
            ("Ali1", "AliI"),
            ("0tto", "Otto"),
            ("0tto", "OTTO"),
            ("J\u{131}m", "Jim"),
            ("modern", "rnodern"),
            // Between letters that are written from right to left, digits move.
            ("A1\u{5e9}", "A\u{5e9}1"),
            // Marks of another script: a virama of Myanmar, a joiner of Tifinagh, a filler of Khitan, a mirror of
            // Egyptian.
            ("Ada\u{1039}", "Ada"),
            ("A\u{2d7f}da", "Ada"),
            ("Ada\u{16fe4}", "Ada\u{13440}"),
            // Characters without a glyph are drawn as a box.
            ("Ada\u{e000}", "Ada\u{f8ff}"),
            ("Ada\u{10fffd}", "Ada\u{fffd}"),
        ] {
            assert!(alike(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn different_names_share_no_key() {
        for (one, other) in [
            ("Ada", "Adam"),
            ("Zoe", "Zo\u{eb}"),
            ("Elia", "Ella"),
            ("Neil", "Nell"),
            ("Kai", "Kal"),
            ("Alia", "alla"),
            ("Anna", "\u{410}\u{43d}\u{43d}\u{430}"),
            ("Ada 1", "Ada 2"),
            ("AnnaBen", "Anna Ben"),
            ("M\u{fc}ller", "Muller"),
            ("\u{674e}", "\u{738b}"),
            ("\u{5e9}\u{5dc}", "\u{5dc}\u{5e9}"),
            ("\u{1f600}", "\u{1f601}"),
            // Marks of the script itself, and those that all scripts share.
            ("\u{1000}\u{1039}\u{1000}", "\u{1000}\u{1000}"),
            ("\u{e01}\u{e34}", "\u{e01}\u{e35}"),
            ("Ada\u{332}", "Ada"),
        ] {
            assert!(!alike(one, other), "{one:?} {other:?}");
        }
    }

    proptest! {
        #[test]
        fn a_line_is_kept_as_it_is_once_it_has_been_read(text: String) {
            if let Ok(kept) = line(&text, 100) {
                prop_assert_eq!(line(&kept, 100), Ok(kept.clone()));
                prop_assert!(alike(&text, &kept));
                prop_assert!(kept.chars().any(|char| !is_blank(char) && !is_ignorable(char)));
            }
        }

        #[test]
        fn restore_turns_any_text_into_a_valid_line(text: String) {
            let nearest = nearest_line(&text, 10);
            let kept = line(&nearest, 10).map(String::from);
            prop_assert!(kept == Ok(nearest.clone()) || nearest.is_empty());
        }

        #[test]
        fn names_that_differ_in_case_share_a_key(text in "\\PC{0,12}") {
            prop_assert!(alike(&text, &text.to_uppercase()));
            prop_assert!(alike(&text, &text.to_lowercase()));
        }

        #[test]
        fn names_that_differ_in_lookalikes_share_a_key(text in "\\PC{0,12}") {
            let seen = seen(&text);
            let other: String = seen.chars().map(|char| skeleton(char.encode_utf8(&mut [0; 4]))).collect();
            prop_assert_eq!(fold(&skeleton(&seen)), fold(&skeleton(&other)));
        }

        #[test]
        fn names_that_differ_in_invisible_characters_share_keys(text in "\\PC{0,12}", at in 0_usize..12, which in 0_u32..0xFFF) {
            let invisible = char::from_u32(0xE_0000 + which).unwrap();
            let mut chars: Vec<char> = text.chars().collect();
            chars.insert(at.min(chars.len()), invisible);
            prop_assert_eq!(confusable_key(&chars.into_iter().collect::<String>()), confusable_key(&text));
        }
    }
}
