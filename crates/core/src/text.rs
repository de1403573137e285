//! What text from people may contain.

/// No control characters: they have no place in a name, and PostgreSQL cannot store a NUL.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
