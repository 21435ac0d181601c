//! The bounds of a message. Each is far above what equipment sends; smaller values save memory under attack.

/// Longest Request-URI in bytes; above it 414.
pub const URI_MAX: usize = 2_048;
/// Longest header value in bytes; above it 400.
pub const HEADER_MAX: usize = 8_192;
/// Most header fields; above it 400.
pub const HEADERS_MAX: usize = 256;
/// Longest start line and headers together in bytes; above it 513.
pub const HEAD_MAX: usize = 32_768;
/// Longest body in bytes; above it 413.
pub const BODY_MAX: usize = 65_536;
/// Most values of Via: who has gone through more hops than [RFC 3261 §8.1.1.6] lets a request go is in a circle; 483.
pub const VIAS_MAX: usize = 70;
/// Most values of one comma-joined header that are looked at (Record-Route).
pub const VALUES_MAX: usize = 64;
