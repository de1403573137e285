//! Every bound in the product that is not a setting, named, with its unit.
//!
//! What an operator may change stands in the server's `config/settings.rs`; the ceilings of those
//! settings stand here.

use std::time::Duration;

/// Longest session name, in characters.
pub const SESSION_NAME_CHARS_MAX: usize = 255;
/// Longest display name after trimming, in characters.
pub const DISPLAY_NAME_CHARS_MAX: usize = 100;
/// The most combining marks on one letter of a name. Pointed Hebrew has four; more are piled up to cover what is
/// beside.
pub const MARKS_IN_A_ROW_MAX: usize = 4;
/// The longest session that a setting may allow, in hours.
pub const SESSION_HOURS_CEILING: u32 = 24 * 7;

/// The most participants that a setting may allow in one session.
///
/// Less than the slots of a room, because a leave and a join that follow each other in the
/// database may reach the room in the other order.
pub const PARTICIPANTS_CEILING: usize = 100;

/// The most watchers that a setting may allow in one session.
pub const WATCHERS_CEILING: usize = 10_000;

/// Largest REST request body, in bytes.
pub const REQUEST_BODY_BYTES_MAX: usize = 16 * 1024;
/// Largest block of request headers, in bytes.
pub const REQUEST_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most header fields in a request.
pub const REQUEST_HEADERS_MAX: usize = 64;
/// How long a client may take to send the head of a request.
pub const REQUEST_HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take to send a request's body, if it sends next to nothing.
pub const REQUEST_BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Each so many bytes of a body buy its client another second: phones on a poor network send 5 KB a second.
pub const REQUEST_BODY_BYTES_PER_SECOND: usize = 1024;
/// The longest that a client may take for a body all the same.
pub const REQUEST_BODY_DEADLINE_MAX: Duration = Duration::from_secs(120);

/// How long a client may take nothing of an answer before the connection is cut. Longer than [`WRITE_DEADLINE`], so
/// that a WebSocket meets its own first and is told apart from one that is gone.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// How long a connection that we close is still read, so that the client can read our last word.
pub const LINGER_DEADLINE: Duration = Duration::from_secs(2);

/// How long a poll waits for something to say: as in Phoenix, and half of what its clients wait for an answer.
pub const POLL_WINDOW: Duration = Duration::from_secs(10);
/// A long-poll session that is not polled for this long is over: one and a half windows.
pub const POLL_SESSION_LIFE: Duration = Duration::from_secs(15);
/// The longest that positions wait for the next answer to a poll. At ordinary rates they wait for a fifth of it at
/// most.
pub const POLL_PACE: Duration = Duration::from_secs(1);
/// Most messages in one post: what the official client sends at once.
pub const POST_LINES_MAX: usize = 100;

/// Largest message from a client, in bytes. A position takes about 200.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Longest topic, event or reference in a message, in bytes: what Phoenix's binary frames can carry.
pub const MESSAGE_PART_BYTES_MAX: usize = 255;
/// Most channels that one connection may have joined at a time.
pub const CHANNELS_PER_CONNECTION_MAX: usize = 8;
/// Longest token, in bytes. Ours take about 330.
pub const TOKEN_BYTES_MAX: usize = 1024;

/// Most connections that one participant may have to one node at a time; one more, and the oldest is closed: after a
/// tunnel a phone comes back before its dead connection is noticed.
pub const CONNECTIONS_PER_PARTICIPANT_MAX: usize = 10;
/// Seconds of messages at the full rate that may come at once.
pub const MESSAGE_BURST: Duration = Duration::from_secs(3);

/// Messages over its rate that a connection is answered in a row before it is closed.
pub const REFUSALS_MAX: u32 = 200;
/// Most networks of each size (IPv4 address; IPv6 /64, /56, /48) whose rates are told apart, at about 50 bytes each. A
/// full table forgets those that used least.
pub const NETWORKS_MAX: usize = 100_000;
/// How many times the allowance of one address an IPv6 /56 has: what a home is given, which has 256 /64s.
pub const ALLOWANCES_OF_A_56: u32 = 8;
/// How many times the allowance of one address an IPv6 /48 has: what a company is given, or the phones of a mobile
/// network in one area share.
pub const ALLOWANCES_OF_A_48: u32 = 32;
/// Writes over REST that one person, or one session's creator, may do at once before the pace holds.
pub const WRITES_AT_ONCE_MAX: u32 = 20;
/// How many times the pace of one person all people of one session have together.
pub const WRITES_OF_A_SESSION: u32 = 5;
/// Most people and sessions whose pace of writes is told apart, at about 60 bytes each.
pub const WRITERS_MAX: usize = 50_000;
/// Most connections to the port for metrics at a time.
pub const METRICS_CONNECTIONS_MAX: u32 = 32;
/// Files that are kept for the database, Redis, logs and the port for metrics: connections of clients get the others.
pub const FILES_RESERVED: u32 = 160;

/// The shortest life of positions that a session's creator may choose.
pub const LOCATION_TTL_MIN: Duration = Duration::from_secs(30);
/// The longest.
pub const LOCATION_TTL_MAX: Duration = Duration::from_secs(900);
/// Largest request body of a tracker app or of long poll that is read, in bytes: some 400 positions with all that
/// Overland says of each, or a photo.
pub const LARGE_BODY_BYTES_MAX: usize = 256 * 1024;
/// Largest request body of a tracker app that is acknowledged without being read, in bytes. An app whose batch is
/// refused sends the same batch for ever.
pub const LARGE_BODY_DISCARDED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most positions of one batch of a tracker app that are looked at, the newest. Overland sends 200 at a time by
/// default.
pub const BATCH_FEATURES_MAX: usize = 1_000;
/// Bodies over [`REQUEST_BODY_BYTES_MAX`] that a process holds at a time: 4 MiB with [`LARGE_BODY_BYTES_MAX`] each.
pub const LARGE_BODIES_MAX: usize = 16;
/// How many of them may come from one IPv4 address, or one IPv6 /48.
pub const LARGE_BODIES_PER_ADDRESS_MAX: usize = 4;
/// Most tracker links of which a server keeps in mind their rate, their end, their last report and the clock of the
/// phone, at about 300 bytes each, and [`CARDS_MAX`] times 4 bytes for one whose app shows the others.
pub const TRACKERS_MAX: usize = 20_000;
/// Most cards of others that a tracker link is remembered to have been sent.
pub const CARDS_MAX: usize = 128;
/// How long a card that was sent is not sent again unless it changes: an app that starts anew has lost it.
pub const CARD_LIFE: Duration = Duration::from_secs(300);
/// Most people of one session whose tracker id is kept, with those who left, at about 50 bytes each.
pub const TRACKER_IDS_MAX: usize = 256;

/// How far in the future a position's own time may lie: phones' clocks are not exact.
pub const POSITION_AHEAD_MAX: Duration = Duration::from_secs(60);

/// Most membership events that wait for one connection before it is closed, to come back and start afresh. A session
/// of 100 that leaves while another 100 join makes 300: who leaves was connected until then, and that is told, too.
/// No more than that can wait, whatever anybody does: who joins and leaves meanwhile is not told of, and all else is
/// state.
pub const CONTROL_QUEUE_MAX: usize = 320;
/// How long a node's word counts that somebody is connected to it. One that is killed takes nothing back.
pub const PRESENCE_LEASE: Duration = Duration::from_secs(60);
/// How often a node repeats that word: twice may be lost.
pub const PRESENCE_REFRESH: Duration = Duration::from_secs(20);
/// How far ahead of its time is dated what somebody shares through a connection that was just made, so that
/// it wins over what is still on its way from the node where they were before: clocks may be off by this.
pub const NEWCOMER_HEAD_START: Duration = Duration::from_millis(250);
/// How many of those who left last a room remembers, in case that it hears late of their joining.
pub const LEAVERS_KEPT_MAX: usize = 256;
/// A connection that takes nothing that we write for this long is closed.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(15);
/// Output beyond which we take no further input from the same connection, in bytes. A room is asked for more only
/// when all is written, so that a connection never has more unsent than this and one batch.
pub const UNSENT_BYTES_SOFT_MAX: usize = 16 * 1024;
