//! What metrics are told apart by. Every value is one of a list that the program has: a person, an address or a
//! session is never a label.

use std::borrow::Cow;

use prometheus_client::encoding::EncodeLabelSet;

/// Which protocol, and which version of its protocol.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Protocol {
    /// `phoenix`, `longpoll` for the same by requests, or `plain`.
    pub protocol: &'static str,
    /// `1` or `2`.
    pub version: &'static str,
}

/// Why a connection ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Closed {
    /// The name of the reason.
    pub reason: &'static str,
    /// The close code that we sent; 0 for none.
    pub code: u16,
}

/// Why a message was refused.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Refused {
    /// As clients are told.
    pub reason: &'static str,
}

/// A kind of request.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Route {
    /// The method, or `other`.
    pub method: &'static str,
    /// The route's template, `page` for what browsers load, `other` for what there is not.
    pub route: Cow<'static, str>,
}

/// A kind of request, and what came of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Answered {
    /// As in [`Route`].
    pub method: &'static str,
    /// As in [`Route`].
    pub route: Cow<'static, str>,
    /// The status.
    pub status: u16,
}

/// A call.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Call {
    /// The name of the method.
    pub call: &'static str,
}

/// A call, and what came of it.
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
    /// Its name.
    pub job: &'static str,
}

/// A background job, and what came of its runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Ran {
    /// Its name.
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

/// What is running.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Build {
    /// The version.
    pub version: &'static str,
}
