//! Participants: name, colour, and the profile that others see.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::id::UserId;
use crate::limits::{DISPLAY_NAME_CHARS_MAX, MARKS_IN_A_ROW_MAX};
pub use crate::text::ConfusableKey;
use crate::text::{self, Unfit};

/// A participant's display name: 1 to [`DISPLAY_NAME_CHARS_MAX`] characters in Unicode's composed form, trimmed, with
/// at least one visible character, without control characters and without those that change the writing direction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct DisplayName(Arc<str>);

/// The text is no valid display name; the message is for the sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidDisplayName {
    /// No visible character.
    #[error("can't be blank")]
    Blank,
    /// Longer than [`DISPLAY_NAME_CHARS_MAX`].
    #[error("should be at most {DISPLAY_NAME_CHARS_MAX} character(s)")]
    TooLong,
    /// Has control characters.
    #[error("must not contain control characters")]
    Control,
    /// Has more than [`MARKS_IN_A_ROW_MAX`] combining marks in a row.
    #[error("must not have more than {MARKS_IN_A_ROW_MAX} marks on one letter")]
    Marks,
}

impl DisplayName {
    /// Reads a name, without the blanks around it.
    ///
    /// # Errors
    /// When it is blank, too long, has control characters, or too many marks on one letter.
    pub fn parse(text: &str) -> Result<Self, InvalidDisplayName> {
        match text::line(text, DISPLAY_NAME_CHARS_MAX) {
            Ok(line) => Ok(Self(line.into())),
            Err(Unfit::Blank) => Err(InvalidDisplayName::Blank),
            Err(Unfit::TooLong) => Err(InvalidDisplayName::TooLong),
            Err(Unfit::Control) => Err(InvalidDisplayName::Control),
            Err(Unfit::Marks) => Err(InvalidDisplayName::Marks),
        }
    }

    /// Two participants of one session may not share a key.
    pub fn confusable_key(&self) -> ConfusableKey {
        text::confusable_key(&self.0)
    }

    /// Reads a name that an older system accepted under other rules: the nearest valid name, or `?`. One odd name must
    /// not make a whole session unreadable.
    pub fn restore(text: &str) -> Self {
        let text = text::nearest_line(text, DISPLAY_NAME_CHARS_MAX);
        Self(if text.is_empty() { "?".into() } else { text.into() })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `#` and six hexadecimal digits, in the case in which they were sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct AvatarColor(Arc<str>);

/// The text is not `#` and six hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be # and six hexadecimal digits, such as #FF5733")]
pub struct InvalidAvatarColor;

impl AvatarColor {
    /// Colours that are distinct on a map, in the light and the dark theme.
    const PALETTE: [&str; 16] = [
        "#FF5733", "#1F77B4", "#2CA02C", "#9467BD", "#E377C2", "#17BECF", "#BCBD22", "#8C564B", "#D62728",
        "#FF7F0E", "#3366CC", "#109618", "#990099", "#0099C6", "#DD4477", "#66AA00",
    ];

    /// Reads a colour.
    ///
    /// # Errors
    /// When the text is not `#` and six hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidAvatarColor> {
        let digits = text.strip_prefix('#').ok_or(InvalidAvatarColor)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidAvatarColor);
        }
        Ok(Self(text.into()))
    }

    /// Reads a colour that an older system accepted; an invalid one becomes the first of the palette.
    pub fn restore(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self(Self::PALETTE[0].into()))
    }

    /// A colour that none of `used` has.
    pub fn unused<'a>(used: impl Iterator<Item = &'a str> + Clone) -> Self {
        let free = |color: &str| !used.clone().any(|taken| taken.eq_ignore_ascii_case(color));
        let named = Self::PALETTE.iter().map(|color| (*color).to_owned());
        // Beyond the palette, a step that visits every colour once.
        let made = (1_u32..).map(|step| format!("#{:06X}", step.wrapping_mul(0x9E_37_79) & 0xFF_FFFF));
        let color = named.chain(made).find(|color| free(color)).unwrap_or_default();
        Self(color.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The public data of a participant. Clones share the texts, because each snapshot carries all profiles.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Profile {
    pub user_id: UserId,
    pub display_name: DisplayName,
    pub avatar_color: AvatarColor,
}

impl fmt::Display for AvatarColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names() {
        assert_eq!(DisplayName::parse(" Zo\u{eb} ").unwrap().as_str(), "Zo\u{eb}");
        assert_eq!(DisplayName::parse(" \t"), Err(InvalidDisplayName::Blank));
        assert_eq!(DisplayName::parse(&"x".repeat(101)), Err(InvalidDisplayName::TooLong));
        assert_eq!(DisplayName::parse("a\nb"), Err(InvalidDisplayName::Control));
    }

    #[test]
    fn colors() {
        assert_eq!(AvatarColor::parse("#a1B2c3").unwrap().as_str(), "#a1B2c3");
        for text in ["", "#fff", "ff5733", "#gggggg", "#ff57333", "#ff573\u{e9}"] {
            assert_eq!(AvatarColor::parse(text), Err(InvalidAvatarColor), "{text}");
        }
    }

    #[test]
    fn restore_turns_an_older_systems_name_into_the_nearest_valid_one() {
        let long = "x".repeat(101);
        for (text, shown) in
            [("Zo\u{eb}", "Zo\u{eb}"), (" a\nb\t", "a b"), ("\r\n", "?"), (&long, &long[..100])]
        {
            assert_eq!(DisplayName::restore(text).as_str(), shown);
            assert!(DisplayName::parse(shown).is_ok());
        }
        assert_eq!(AvatarColor::restore("#a1B2c3").as_str(), "#a1B2c3");
        assert_eq!(AvatarColor::restore("red").as_str(), "#FF5733");
    }

    #[test]
    fn a_hundred_people_get_a_hundred_colors() {
        let mut used: Vec<AvatarColor> = Vec::new();
        for _ in 0..100 {
            let color = AvatarColor::unused(used.iter().map(AvatarColor::as_str));
            assert!(AvatarColor::parse(color.as_str()).is_ok());
            assert!(!used.contains(&color));
            used.push(color);
        }
    }
}
