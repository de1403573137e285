//! The one header in which trusted proxies name the client.

use std::str::FromStr;

/// The header that is read. Clients can forge all others: a proxy passes on the headers that it does not write.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: a list to which each proxy appends.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same with names.
    Forwarded,
    /// `X-Real-IP`: one address.
    XRealIp,
    /// `CF-Connecting-IP`: one address.
    CfConnectingIp,
}

impl ProxyHeader {
    /// The valid values of the setting.
    pub const EXPECTED: &str = "x-forwarded-for, forwarded, x-real-ip or cf-connecting-ip";

    const ALL: [Self; 4] = [Self::XForwardedFor, Self::Forwarded, Self::XRealIp, Self::CfConnectingIp];

    /// The name of the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
            Self::XRealIp => "x-real-ip",
            Self::CfConnectingIp => "cf-connecting-ip",
        }
    }
}

/// The text names no such header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownHeader;

impl FromStr for ProxyHeader {
    type Err = UnknownHeader;

    fn from_str(text: &str) -> Result<Self, UnknownHeader> {
        let named = |header: &Self| header.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or(UnknownHeader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_by_its_name() {
        for header in ProxyHeader::ALL {
            assert_eq!(header.name().parse(), Ok(header));
            assert!(ProxyHeader::EXPECTED.contains(header.name()));
        }
        assert_eq!("X-Forwarded-For".parse(), Ok(ProxyHeader::XForwardedFor));
        assert_eq!("x-forwarded".parse::<ProxyHeader>(), Err(UnknownHeader));
    }
}
