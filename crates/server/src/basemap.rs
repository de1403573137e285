//! The base map of the page.

/// The source of map data. The page has a built-in outline of the world in any case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Basemap {
    /// The built-in outline only, without requests to other servers.
    Outline,
    /// Images, as from OpenStreetMap.
    Tiles(Tiles),
    /// A MapLibre style and its sources.
    Style {
        url: WebUrl,
        /// Origins, besides its own, from which it loads.
        origins: Vec<String>,
    },
}

/// A server of map images.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tiles {
    /// Address with `{z}`, `{x}` and `{y}`.
    pub url: WebUrl,
    /// HTML with the attribution.
    pub attribution: String,
    /// The highest zoom level with images.
    pub max_zoom: u8,
}

impl Basemap {
    /// The origins, besides the server's own, from which a page with this map loads.
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
    /// Reads an address. Braces are allowed, because tile addresses have them.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let host = rest.split(['/', '?', '#']).next()?;
        // Stricter than URLs: in a policy, a comma or a semicolon would begin a new directive.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(plain) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        Some(Self { text: text.to_owned(), origin_length: text.len() - rest.len() + host.len() })
    }

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
    fn characters_that_could_end_a_policy_are_rejected() {
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
