//! Masks secrets in values that are shown.

pub(super) const MASK: &str = "********";

/// An invalid value without the parts that may be secret: a user name and password before an `@`, with any character
/// in an invalid address, and the query, which may hold a key.
pub(super) fn without_passwords(value: &str) -> String {
    let (scheme, rest) = value.split_at(value.find("://").map_or(0, |place| place + "://".len()));
    let (userinfo, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| (MASK, rest));
    let at = if userinfo.is_empty() { "" } else { "@" };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, MASK));
    let mark = if query.is_empty() { "" } else { "?" };
    [scheme, userinfo, at, rest, mark, query].concat()
}

/// A value without the user name and password of each address in it.
pub(super) fn without_userinfo(value: &str) -> String {
    let mut shown = String::new();
    for (number, part) in value.split("://").enumerate() {
        let end = part.find(['/', '?', '#', ',', ' ', '"']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        match authority.rsplit_once('@').filter(|_| number > 0) {
            Some((_, host)) => shown.extend(["://", MASK, "@", host, rest]),
            None if number > 0 => shown.extend(["://", part]),
            None => shown.push_str(part),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_addresses_have_no_password() {
        for (value, shown) in [
            ("https://u:p@a.example/x", "https://********@a.example/x"),
            ("https://u@a.example", "https://********@a.example"),
            ("http://a.example, http://u:p@b.example:1?c", "http://a.example, http://********@b.example:1?c"),
            ("https://a.example/p@1.2/style.json", "https://a.example/p@1.2/style.json"),
            (
                "© <a href=\"https://a.example/c\">A</a> me@a.example",
                "© <a href=\"https://a.example/c\">A</a> me@a.example",
            ),
            ("./data", "./data"),
            ("", ""),
        ] {
            assert_eq!(without_userinfo(value), shown);
        }
    }

    #[test]
    fn errors_about_invalid_values_have_no_password() {
        for (value, shown) in [
            ("http://u:p@c:1", "http://********@c:1"),
            ("http://u:p/a?s#s@c:1", "http://********@c:1"),
            ("http://a,http://u:p@c,http://b", "http://********@c,http://b"),
            ("u:p@c", "********@c"),
            ("http://c:1/x?key=k", "http://c:1/x?********"),
            ("http:/u:p@c/x?key=k&other=k", "********@c/x?********"),
            ("70000", "70000"),
        ] {
            assert_eq!(without_passwords(value), shown);
        }
    }
}
