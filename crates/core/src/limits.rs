//! Every limit of the product that is not a setting, named, with its unit, and the ceilings of the limits that are
//! settings (the server's `config/settings.rs`).

use std::time::Duration;

/// Longest session name, in characters.
pub const SESSION_NAME_CHARS_MAX: usize = 255;
/// Longest display name after trimming, in characters.
pub const DISPLAY_NAME_CHARS_MAX: usize = 100;
/// The most combining marks on one letter of a name. Pointed Hebrew has four; more only serve to cover neighbouring
/// text.
pub const MARKS_IN_A_ROW_MAX: usize = 4;
/// The longest session that a setting may allow, in hours.
pub const SESSION_HOURS_CEILING: u32 = 24 * 7;

/// The most participants that a setting may allow in one session.
///
/// Less than the slots of a room, because a leave and a join may reach the room in the opposite order of the database.
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
/// How long a client may take to send a request's body, before the bytes that it sends extend the time.
pub const REQUEST_BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of a body that extend the deadline by one second: phones on a poor network send 5 KB a second.
pub const REQUEST_BODY_BYTES_PER_SECOND: usize = 1024;
/// The longest that a client may take for a body, however steadily it sends.
pub const REQUEST_BODY_DEADLINE_MAX: Duration = Duration::from_secs(120);

/// How long a client may read nothing of an answer before its connection is closed. Longer than [`WRITE_DEADLINE`], so
/// that a WebSocket reaches that deadline first and counts as a slow consumer.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// How long the server goes on reading from a connection that it closes, so that the client receives the last answer.
pub const LINGER_DEADLINE: Duration = Duration::from_secs(2);

/// How long a poll waits for a message: as in Phoenix, and half of the time that its clients wait for an answer.
pub const POLL_WINDOW: Duration = Duration::from_secs(10);
/// A long-poll session expires after this time without a poll: one and a half windows.
pub const POLL_SESSION_LIFE: Duration = Duration::from_secs(15);
/// The longest that positions wait for the next answer to a poll. At ordinary rates they wait for a fifth of it.
pub const POLL_PACE: Duration = Duration::from_secs(1);
/// Most messages in one post, as many as the official client sends at once.
pub const POST_LINES_MAX: usize = 100;

/// Largest message from a client, in bytes. A position takes about 200.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Longest topic, event or reference in a message, in bytes: the most that Phoenix's binary frames can carry.
pub const MESSAGE_PART_BYTES_MAX: usize = 255;
/// Most channels that one connection may have joined at a time.
pub const CHANNELS_PER_CONNECTION_MAX: usize = 8;
/// Longest token, in bytes. Tokens of this server have about 330.
pub const TOKEN_BYTES_MAX: usize = 1024;

/// Most connections of one participant to one node. Beyond it the oldest is closed, because after a tunnel a phone
/// comes back before its dead connection is noticed.
pub const CONNECTIONS_PER_PARTICIPANT_MAX: usize = 10;
/// The burst of messages: as many as the full rate allows in this time.
pub const MESSAGE_BURST: Duration = Duration::from_secs(3);

/// Messages over the rate, in a row, that are answered with an error before the connection is closed.
pub const REFUSALS_MAX: u32 = 200;
/// Most networks of each size (IPv4 address; IPv6 /64, /56, /48) with a rate of their own, at about 50 bytes each. A
/// full table drops those that used least.
pub const NETWORKS_MAX: usize = 100_000;
/// Allowances of one address for an IPv6 /56, the usual network of a home, with 256 /64s.
pub const ALLOWANCES_OF_A_56: u32 = 8;
/// Allowances of one address for an IPv6 /48, the usual network of a company or of a mobile network's area.
pub const ALLOWANCES_OF_A_48: u32 = 32;
/// The burst of REST writes of one participant, or of one session's creator.
pub const WRITES_AT_ONCE_MAX: u32 = 20;
/// The write rate of all participants of one session together, as a multiple of that of one.
pub const WRITES_OF_A_SESSION: u32 = 5;
/// Most participants and sessions with a write rate of their own, at about 60 bytes each.
pub const WRITERS_MAX: usize = 50_000;
/// Most connections to the port for metrics at a time.
pub const METRICS_CONNECTIONS_MAX: u32 = 32;
/// File descriptors reserved for the database, Redis, logs and the port for metrics; the rest is for clients.
pub const FILES_RESERVED: u32 = 160;

/// The shortest life of positions that a session's creator may choose.
pub const LOCATION_TTL_MIN: Duration = Duration::from_secs(30);
/// The longest life of positions that a session's creator may choose.
pub const LOCATION_TTL_MAX: Duration = Duration::from_secs(900);
/// Largest request body of a tracker app or of long poll that is read, in bytes: some 400 positions with all fields
/// that Overland sends, or a photo.
pub const LARGE_BODY_BYTES_MAX: usize = 256 * 1024;
/// Largest request body of a tracker app that is discarded and acknowledged, in bytes. An app whose batch is rejected
/// sends the same batch for ever.
pub const LARGE_BODY_DISCARDED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most positions of one batch of a tracker app that are read, the newest ones. Overland sends 200 at a time by
/// default.
pub const BATCH_FEATURES_MAX: usize = 1_000;
/// Bodies over [`REQUEST_BODY_BYTES_MAX`] in memory at a time: 4 MiB with [`LARGE_BODY_BYTES_MAX`] each.
pub const LARGE_BODIES_MAX: usize = 16;
/// Those of one IPv4 address, or of one IPv6 /48.
pub const LARGE_BODIES_PER_ADDRESS_MAX: usize = 4;
/// Most tracker links in the cache (rate, end, last report, the phone's clock), at about 300 bytes each, and
/// [`CARDS_MAX`] times 4 bytes for one whose app shows the others.
pub const TRACKERS_MAX: usize = 20_000;
/// Most cards (OwnTracks: name and face of a friend) that the server remembers having sent to one tracker link.
pub const CARDS_MAX: usize = 128;
/// How long an unchanged card is not sent again. Not for ever, because an app loses its cards when it restarts.
pub const CARD_LIFE: Duration = Duration::from_secs(300);
/// Most tracker ids of one session, those of former participants included, at about 50 bytes each.
pub const TRACKER_IDS_MAX: usize = 256;

/// How far in the future a position's own time may lie: phones' clocks are not exact.
pub const POSITION_AHEAD_MAX: Duration = Duration::from_secs(60);

/// Most control events in the queue of one connection; a slow consumer beyond it is disconnected, and starts afresh
/// when it comes back. When 100 participants leave and another 100 join, 300 wait: a presence event goes with each
/// leave. No more can wait, because a join and a leave of the same participant cancel out, and all else is state.
pub const CONTROL_QUEUE_MAX: usize = 320;
/// The lease of a node's claim that a participant is connected to it. A node that is killed withdraws nothing.
pub const PRESENCE_LEASE: Duration = Duration::from_secs(60);
/// How often a node renews that claim: two in a row may be lost.
pub const PRESENCE_REFRESH: Duration = Duration::from_secs(20);
/// How far ahead of their time the updates of a new connection are dated, so that they win over updates still on their
/// way from the participant's previous node. The nodes' clocks may differ by this much.
pub const NEWCOMER_HEAD_START: Duration = Duration::from_millis(250);
/// Most former participants that a room remembers, in case the news of their joining arrives late.
pub const LEAVERS_KEPT_MAX: usize = 256;
/// A connection whose client reads nothing for this long is closed as a slow consumer.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(15);
/// Unsent output, in bytes, beyond which the server reads no further input from the same connection. Updates are taken
/// from the room only when all output is written, so a connection never has more unsent than this and one batch.
pub const UNSENT_BYTES_SOFT_MAX: usize = 16 * 1024;
