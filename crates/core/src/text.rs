//! What text from people may contain.

/// No control characters: they have no place in a name, and PostgreSQL cannot store a NUL.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The nearest text that is plain, trimmed, and at most `chars_max` characters long. It may be empty.
pub(crate) fn plainest(text: &str, chars_max: usize) -> String {
    let plain: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let cut: String = plain.trim().chars().take(chars_max).collect();
    cut.trim_end().to_owned()
}
