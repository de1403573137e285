//! What lies beneath the people on the page's map.

/// Where map data come from. The page has an outline of the world of its own, whatever is chosen here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Basemap {
    /// Nowhere: the outline is all there is, and no other server is asked.
    Outline,
    /// Images, as from OpenStreetMap.
    Tiles(Tiles),
    /// A MapLibre style and whatever it refers to.
    Style {
        /// Its address.
        url: WebUrl,
        /// Origins beside its own that it loads from.
        origins: Vec<String>,
    },
}

/// A server of map images.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tiles {
    /// Address with `{z}`, `{x}` and `{y}`.
    pub url: WebUrl,
    /// HTML that names whose map it is.
    pub attribution: String,
    /// The deepest zoom that the server has images for.
    pub max_zoom: u8,
}

impl Basemap {
    /// The origins that a page with this map talks to, beside our own.
    pub fn origins(&self) -> Vec<&str> {
        match self {
            Self::Outline => Vec::new(),
            Self::Tiles(tiles) => vec![tiles.url.origin()],
            Self::Style { url, origins } => {
                std::iter::once(url.origin()).chain(origins.iter().map(String::as_str)).collect()
            }
        }
    }
}

/// An `http` or `https` address whose origin may stand in a header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebUrl {
    text: String,
    origin_length: usize,
}

impl WebUrl {
    /// Reads an address. Braces are let through: tile addresses have them.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let host = rest.split(['/', '?', '#']).next()?;
        // Stricter than URLs are: in a policy, a comma or a semicolon would begin something new.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(plain) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        Some(Self { text: text.to_owned(), origin_length: text.len() - rest.len() + host.len() })
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host, and port if one is given.
    pub fn origin(&self) -> &str {
        self.text.get(..self.origin_length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_an_origin() {
        for (text, origin) in [
            ("https://tile.example.org/{z}/{x}/{y}.png", "https://tile.example.org"),
            ("http://localhost:8080?x={x}", "http://localhost:8080"),
            ("http://[::1]:8080/style.json", "http://[::1]:8080"),
        ] {
            assert_eq!(WebUrl::parse(text).unwrap().origin(), origin);
        }
    }

    #[test]
    fn what_could_break_out_of_a_policy_is_no_address() {
        for text in [
            "",
            "/tiles/{z}/{x}/{y}.png",
            "ftp://example.org/",
            "https://",
            "https:///x",
            "https://a;script-src *",
            "https://a,b.org/",
            "https://me@example.org/",
            "https://example.org/a b",
            "https://example.org/\u{e9}",
        ] {
            assert_eq!(WebUrl::parse(text), None, "{text}");
        }
    }
}
