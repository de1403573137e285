//! The rules of Phoenix channels on one connection, as in Phoenix 1.8.12: joined channels, stale messages, the
//! order of answers. Pure: messages go in, steps come out.

use crate::limits::CHANNELS_PER_CONNECTION_MAX;
use crate::phoenix::{self, BinaryPush, Message, Status, Version};

const EMPTY: &str = "{}";
const UNMATCHED: &str = r#"{"reason":"unmatched topic"}"#;
const TOO_MANY: &str = r#"{"reason":"too many channels joined"}"#;
const NO_BINARY: &str = r#"{"reason":"unsupported_payload"}"#;

#[derive(Debug)]
pub struct Channels {
    version: Version,
    routable: fn(&str) -> bool,
    joined: Vec<Channel>,
}

#[derive(Debug)]
struct Channel {
    topic: Box<str>,
    /// The join's reference as JSON; its pushes carry it.
    join_ref: Box<str>,
}

/// The next step for a message, after the protocol's own rules.
#[derive(Debug)]
pub enum Step {
    /// No answer: the message belongs to a closed channel.
    Nothing,
    /// Write this answer; the protocol itself gives it.
    Answer(String),
    /// The client asks to join: decide, then call [`Channels::accept`] or [`Channels::refuse`].
    Join(Join),
    /// The client left: end its subscription and write these frames.
    Leave(Vec<String>),
    /// An event for the channel: handle it, then call [`Channels::reply`].
    Push(Push),
}

#[derive(Debug)]
pub struct Join {
    pub topic: Box<str>,
    /// The reference, as JSON, of the client's channel that this join replaces. That channel is closed already.
    pub replaces: Option<Box<str>>,
    join_ref: Box<str>,
    reference: Box<str>,
}

/// The data that the answer to an event repeats.
#[derive(Debug)]
pub struct Push {
    join_ref: Box<str>,
    reference: Box<str>,
    topic: Box<str>,
}

impl Channels {
    /// No channels yet; `routable` tests whether a topic exists.
    pub fn new(version: Version, routable: fn(&str) -> bool) -> Self {
        Self { version, routable, joined: Vec::new() }
    }

    /// The serializer of the connection.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Applies the protocol to a message.
    pub fn receive(&mut self, message: &Message<'_>) -> Step {
        let topic = message.topic_text();
        match (topic.as_deref(), message.event.as_ref()) {
            (Some("phoenix"), "heartbeat") => Step::Answer(self.answer("null", message, Status::Ok, EMPTY)),
            (Some(topic), "phx_join") if (self.routable)(topic) => self.join(topic, message),
            (Some(topic), "phx_leave") => self.leave(topic, message),
            (Some(topic), event) if event != "phx_join" => self.push_in(topic, message),
            _ => Step::Answer(self.answer("null", message, Status::Error, UNMATCHED)),
        }
    }

    /// Applies the protocol to a binary push. None is supported; it is answered with an error, the connection stays
    /// open.
    pub fn receive_binary(&mut self, push: &BinaryPush<'_>) -> Step {
        let json = |text: &str| crate::json::to_json(&text);
        let (join_ref, reference, topic) = (json(push.join_ref), json(push.reference), json(push.topic));
        let message = Message {
            join_ref: join_ref.into(),
            reference: reference.into(),
            topic: topic.into(),
            event: push.event.into(),
            payload: EMPTY,
        };
        match self.receive(&message) {
            Step::Push(push) => Step::Answer(self.reply(&push, Status::Error, NO_BINARY)),
            Step::Join(join) => {
                let mut frames = self.refuse(join, NO_BINARY);
                if frames.len() == 1 {
                    return frames.pop().map_or(Step::Nothing, Step::Answer);
                }
                Step::Leave(frames)
            }
            step => step,
        }
    }

    fn join(&mut self, topic: &str, message: &Message<'_>) -> Step {
        let old = self.take(topic);
        if old.is_none() && self.joined.len() >= CHANNELS_PER_CONNECTION_MAX {
            return Step::Answer(self.answer(&message.join_ref, message, Status::Error, TOO_MANY));
        }
        Step::Join(Join {
            topic: topic.into(),
            replaces: old.map(|channel| channel.join_ref),
            join_ref: message.join_ref.as_ref().into(),
            reference: message.reference.as_ref().into(),
        })
    }

    fn leave(&mut self, topic: &str, message: &Message<'_>) -> Step {
        let Some(channel) = self.find(topic) else {
            return Step::Answer(self.answer(&message.join_ref, message, Status::Ok, EMPTY));
        };
        if !channel.is_meant_by(message) {
            return Step::Nothing;
        }
        let join_ref = channel.join_ref.clone();
        let reply = self.answer(&join_ref, message, Status::Ok, EMPTY);
        self.take(topic);
        Step::Leave(vec![reply, phoenix::close(self.version, &join_ref, &message.topic)])
    }

    fn push_in(&self, topic: &str, message: &Message<'_>) -> Step {
        let Some(channel) = self.find(topic) else {
            return Step::Answer(self.answer("null", message, Status::Error, UNMATCHED));
        };
        if !channel.is_meant_by(message) {
            return Step::Nothing;
        }
        Step::Push(Push {
            join_ref: channel.join_ref.clone(),
            reference: message.reference.as_ref().into(),
            topic: message.topic.as_ref().into(),
        })
    }

    /// Accepts a join. Returns the frames to write before any frame of the new channel.
    #[must_use]
    pub fn accept(&mut self, join: Join, response: &str) -> Vec<String> {
        let frames = self.join_frames(&join, Status::Ok, response);
        // A join without a reference of its own uses that of its message, as in Phoenix.
        let join_ref = if &*join.join_ref == "null" { join.reference } else { join.join_ref };
        // Most connections join one channel.
        self.joined.reserve_exact(1);
        self.joined.push(Channel { topic: join.topic, join_ref });
        frames
    }

    /// Rejects a join. Returns the frames to write. The channel that the join would have replaced is closed all the
    /// same.
    #[must_use]
    pub fn refuse(&mut self, join: Join, response: &str) -> Vec<String> {
        self.join_frames(&join, Status::Error, response)
    }

    fn join_frames(&self, join: &Join, status: Status, response: &str) -> Vec<String> {
        let topic = crate::json::to_json(&join.topic);
        let mut frames =
            vec![phoenix::reply(self.version, &join.join_ref, &join.reference, &topic, status, response)];
        if let Some(old) = &join.replaces {
            frames.push(phoenix::close(self.version, old, &topic));
        }
        frames
    }

    /// The answer to an event.
    pub fn reply(&self, push: &Push, status: Status, response: &str) -> String {
        phoenix::reply(self.version, &push.join_ref, &push.reference, &push.topic, status, response)
    }

    /// An answer to any message, without applying the rules: the rate limit is checked before them.
    pub fn answer(&self, join_ref: &str, message: &Message<'_>, status: Status, response: &str) -> String {
        phoenix::reply(self.version, join_ref, &message.reference, &message.topic, status, response)
    }

    /// A push from the server on the channel of a topic, if the client has joined it.
    pub fn push(&self, topic: &str, event: &str, payload: &str) -> Option<String> {
        let channel = self.find(topic)?;
        let topic = crate::json::to_json(&topic);
        Some(phoenix::push(self.version, &channel.join_ref, &topic, event, payload))
    }

    /// Closes the channel of a topic. Returns its `phx_close`; the client does not join again.
    pub fn close(&mut self, topic: &str) -> Option<String> {
        let channel = self.take(topic)?;
        Some(phoenix::close(self.version, &channel.join_ref, &crate::json::to_json(&topic)))
    }

    /// Fails the channel of a topic. Returns its `phx_error`; the client joins again. Only for real faults: with a
    /// lasting one, the client joins and fails once a second for ever.
    pub fn crash(&mut self, topic: &str) -> Option<String> {
        let channel = self.take(topic)?;
        Some(phoenix::error(self.version, &channel.join_ref, &crate::json::to_json(&topic)))
    }

    fn find(&self, topic: &str) -> Option<&Channel> {
        self.joined.iter().find(|channel| &*channel.topic == topic)
    }

    fn take(&mut self, topic: &str) -> Option<Channel> {
        let index = self.joined.iter().position(|channel| &*channel.topic == topic)?;
        Some(self.joined.swap_remove(index))
    }
}

impl Channel {
    /// Whether a message is for this channel, and not for an earlier channel of the same topic.
    fn is_meant_by(&self, message: &Message<'_>) -> bool {
        message.join_ref == "null" || message.join_ref == *self.join_ref
    }
}
