//! What every request must pass before anybody looks closer ([RFC 3261 §8.2]), as a function of the request alone.

use super::TransportKind;
use super::abilities::{Abilities, DESCRIBING, SDP};
use super::reply::Reply;
use crate::body::{Unreadable, session_description};
use crate::message::{HeaderName, Method, Request, split_commas};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A new call.
    Invite,
    /// To a call that is there, or should be.
    Within,
    /// The end of an INVITE that is not answered.
    Cancel,
    /// A question, outside of calls.
    Options,
    /// A subscription, outside of calls.
    Subscribe,
    /// A referral, outside of calls.
    Refer,
}

/// Sorts a request, or refuses it.
pub(super) fn screen(
    request: &Request<'_>,
    abilities: &Abilities,
    transport: TransportKind,
) -> Result<Kind, Reply> {
    let is_within = request.core.to.tag().is_some();
    let kind = match request.method {
        Method::Cancel => return Ok(Kind::Cancel),
        Method::Invite if !is_within => Kind::Invite,
        Method::Options if !is_within => Kind::Options,
        Method::Invite | Method::Options | Method::Bye | Method::Info | Method::Update | Method::Prack
            if abilities.allows(request.method) =>
        {
            Kind::Within
        }
        // Whether anything can be subscribed to, and whether anybody may refer, is told by a status of its own.
        Method::Subscribe | Method::Refer | Method::Notify if is_within => Kind::Within,
        Method::Subscribe => Kind::Subscribe,
        Method::Refer => Kind::Refer,
        // Each subscription of ours is in a dialog (RFC 6665 §4.1.3).
        Method::Notify => return Err(Reply::new(481)),
        Method::Invite
        | Method::Options
        | Method::Bye
        | Method::Info
        | Method::Update
        | Method::Ack
        | Method::Prack
        | Method::Message
        | Method::Register
        | Method::Publish => return Err(Reply::new(405)),
        Method::Other(_) => return Err(Reply::new(501)),
    };
    // What is to be secure all the way is not, where it came in the clear (RFC 3261 §26.2.2).
    let is_secured = transport == TransportKind::Tls && request.uri.is_scheme(b"sips");
    if !request.uri.is_scheme(b"sip") && !request.uri.is_scheme(b"tel") && !is_secured {
        return Err(Reply::new(416));
    }
    let unsupported: Vec<_> = request
        .headers
        .all(HeaderName::Require)
        .flat_map(split_commas)
        .filter(|tag| !tag.is_empty() && !abilities.supports(tag))
        .collect();
    if !unsupported.is_empty() {
        return Err(
            Reply::new(420).with("Unsupported", &String::from_utf8_lossy(&unsupported.join(&b", "[..])))
        );
    }
    if kind == Kind::Invite
        && let Some(lacking) = abilities.lacking(&request.headers)
    {
        return Err(Reply::new(421).with("Require", &lacking));
    }
    screen_encoding(request)?;
    Ok(kind)
}

fn screen_encoding(request: &Request<'_>) -> Result<(), Reply> {
    let encoding = request.headers.first(HeaderName::ContentEncoding).unwrap_or_default();
    if !request.body.is_empty() && !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity") {
        return Err(Reply::new(415).with("Accept-Encoding", "identity"));
    }
    Ok(())
}

/// The session description in a request, if it has a body: 415 where the body is something else, 406 where the
/// sender would not take one back.
pub(super) fn description<'a>(request: &Request<'a>) -> Result<Option<&'a [u8]>, Reply> {
    let mut accepts = request.headers.all(HeaderName::Accept).flat_map(split_commas).peekable();
    let takes_sdp =
        |range: &[u8]| [SDP, "application/*", "*/*"].iter().any(|known| is_media_type(range, known));
    if accepts.peek().is_some() && !accepts.any(takes_sdp) {
        return Err(Reply::new(406));
    }
    session_description(&request.headers, request.body).map_err(|why| match why {
        // Somebody's key opens it, and nobody here has one ([RFC 3261 §23.2]).
        Unreadable::Encrypted => Reply::new(493),
        Unreadable::NotUnderstood => Reply::new(415).with("Accept", &DESCRIBING.join(", ")),
        Unreadable::Malformed => Reply::because(400, "Malformed Body"),
    })
}

/// Whether a Content-Type or a range of Accept is this type, parameters aside.
pub(super) fn is_media_type(value: &[u8], media_type: &str) -> bool {
    crate::body::is_media_type(value, media_type.as_bytes())
}
