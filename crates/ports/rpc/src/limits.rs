//! The limits of connections between roles, in one place, so that both ends agree.

use std::time::Duration;

/// Longest time to open a connection. Longer delays failing over; shorter fails a busy machine.
pub const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How often an idle connection is probed: a silent network break is seen within this and the next.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long a probe may stay unanswered. A busy media machine answers late, not never.
pub const KEEP_ALIVE_ANSWER_MAX: Duration = Duration::from_secs(5);
/// Open requests on one connection. A VRU holds one stream per caller; roles cap their streams below this themselves.
pub const STREAMS_MAX: u32 = 16_384;
/// Flow control window of one request: messages are small.
pub const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Flow control window of one connection: thousands of small messages at once.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Requests that wait for a channel to connect.
pub const REQUESTS_QUEUED_MAX: usize = 1024;
/// Longest message, both ways: a report of refused tries is the longest one.
pub const MESSAGE_BYTES_MAX: usize = 512 * 1024;
