//! Labels of metrics. Every value comes from a fixed list: a person, an address or a session is never a label.

use std::borrow::Cow;

use prometheus_client::encoding::EncodeLabelSet;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Protocol {
    /// `phoenix`, `longpoll` (Phoenix over requests) or `plain`.
    pub protocol: &'static str,
    /// `1` or `2`.
    pub version: &'static str,
}

/// Why a connection ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Closed {
    pub reason: &'static str,
    /// The close code that the server sent; 0 for none.
    pub code: u16,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Refused {
    /// The reason in the answer.
    pub reason: &'static str,
}

/// A kind of request.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Route {
    /// The method, or `other`.
    pub method: &'static str,
    /// The route's template, `page` for files of the page, `other` for unknown addresses.
    pub route: Cow<'static, str>,
}

/// A kind of request, and its outcome.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Answered {
    /// As in [`Route`].
    pub method: &'static str,
    /// As in [`Route`].
    pub route: Cow<'static, str>,
    pub status: u16,
}

/// A call.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Call {
    /// The name of the method.
    pub call: &'static str,
}

/// A call, and its outcome.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Called {
    /// The name of the method.
    pub call: &'static str,
    /// `ok`, `refused` or `failed`.
    pub outcome: &'static str,
}

/// A background job.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Job {
    pub job: &'static str,
}

/// A background job, and the outcome of its runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Ran {
    pub job: &'static str,
    /// `done`, `failed`, `panicked` or `hung`.
    pub outcome: &'static str,
}

/// Connections of the database's pool.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Pooled {
    /// `used` or `idle`.
    pub state: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Build {
    /// The version.
    pub version: &'static str,
}
