//! Header fields: their names and the list of them.

/// The headers that somebody here reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the headers")]
pub enum HeaderName<'a> {
    Via,
    From,
    To,
    CallId,
    CSeq,
    MaxForwards,
    Contact,
    ContentLength,
    ContentType,
    ContentEncoding,
    Route,
    RecordRoute,
    Require,
    Replaces,
    PAssertedIdentity,
    Timestamp,
    Accept,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    AuthenticationInfo,
    ProxyAuthenticationInfo,
    Expires,
    MinExpires,
    ServiceRoute,
    RetryAfter,
    ContentDisposition,
    Supported,
    RSeq,
    RAck,
    Allow,
    SessionExpires,
    MinSe,
    Event,
    SubscriptionState,
    ReferTo,
    ReferredBy,
    ReferSub,
    Privacy,
    Reason,
    Diversion,
    HistoryInfo,
    Other(&'a [u8]),
}

const NAMES: &[(&[u8], &[u8], HeaderName<'static>)] = &[
    (b"Via", b"v", HeaderName::Via),
    (b"From", b"f", HeaderName::From),
    (b"To", b"t", HeaderName::To),
    (b"Call-ID", b"i", HeaderName::CallId),
    (b"CSeq", b"", HeaderName::CSeq),
    (b"Max-Forwards", b"", HeaderName::MaxForwards),
    (b"Contact", b"m", HeaderName::Contact),
    (b"Content-Length", b"l", HeaderName::ContentLength),
    (b"Content-Type", b"c", HeaderName::ContentType),
    (b"Content-Encoding", b"e", HeaderName::ContentEncoding),
    (b"Route", b"", HeaderName::Route),
    (b"Record-Route", b"", HeaderName::RecordRoute),
    (b"Require", b"", HeaderName::Require),
    (b"Replaces", b"", HeaderName::Replaces),
    (b"P-Asserted-Identity", b"", HeaderName::PAssertedIdentity),
    (b"Timestamp", b"", HeaderName::Timestamp),
    (b"Accept", b"", HeaderName::Accept),
    (b"Authorization", b"", HeaderName::Authorization),
    (b"Proxy-Authorization", b"", HeaderName::ProxyAuthorization),
    (b"WWW-Authenticate", b"", HeaderName::WwwAuthenticate),
    (b"Proxy-Authenticate", b"", HeaderName::ProxyAuthenticate),
    (b"Authentication-Info", b"", HeaderName::AuthenticationInfo),
    (b"Proxy-Authentication-Info", b"", HeaderName::ProxyAuthenticationInfo),
    (b"Expires", b"", HeaderName::Expires),
    (b"Min-Expires", b"", HeaderName::MinExpires),
    (b"Service-Route", b"", HeaderName::ServiceRoute),
    (b"Retry-After", b"", HeaderName::RetryAfter),
    (b"Content-Disposition", b"", HeaderName::ContentDisposition),
    (b"Supported", b"k", HeaderName::Supported),
    (b"RSeq", b"", HeaderName::RSeq),
    (b"RAck", b"", HeaderName::RAck),
    (b"Allow", b"", HeaderName::Allow),
    (b"Session-Expires", b"x", HeaderName::SessionExpires),
    (b"Min-SE", b"", HeaderName::MinSe),
    (b"Event", b"o", HeaderName::Event),
    (b"Subscription-State", b"", HeaderName::SubscriptionState),
    (b"Refer-To", b"r", HeaderName::ReferTo),
    (b"Referred-By", b"b", HeaderName::ReferredBy),
    (b"Refer-Sub", b"", HeaderName::ReferSub),
    (b"Privacy", b"", HeaderName::Privacy),
    (b"Reason", b"", HeaderName::Reason),
    (b"Diversion", b"", HeaderName::Diversion),
    (b"History-Info", b"", HeaderName::HistoryInfo),
];

impl<'a> HeaderName<'a> {
    /// Reads a name, long or compact; case does not matter.
    #[must_use]
    pub fn of(name: &'a [u8]) -> Self {
        NAMES
            .iter()
            .find(|(long, short, _)| {
                name.eq_ignore_ascii_case(long) || (!short.is_empty() && name.eq_ignore_ascii_case(short))
            })
            .map_or(HeaderName::Other(name), |(_, _, known)| *known)
    }

    /// The long name.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        if let HeaderName::Other(name) = self {
            return name;
        }
        NAMES.iter().find(|(_, _, known)| known == self).map_or(b"", |(long, _, _)| long)
    }
}

/// The header fields of a message, in their order.
#[derive(Debug, Clone, Default)]
pub struct Headers<'a> {
    fields: Vec<(HeaderName<'a>, &'a [u8])>,
}

impl<'a> Headers<'a> {
    pub(super) fn push(&mut self, name: HeaderName<'a>, value: &'a [u8]) {
        self.fields.push((name, value));
    }

    /// How many fields there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.fields.len()
    }

    /// The fields of one name, in order.
    pub fn all(&self, name: HeaderName<'static>) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.fields.iter().filter(move |(given, _)| *given == name).map(|(_, value)| *value)
    }

    /// The first field of one name.
    #[must_use]
    pub fn first(&self, name: HeaderName<'static>) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The only field of one name: `Err` where there are several.
    pub(super) fn single(&self, name: HeaderName<'static>) -> Result<Option<&'a [u8]>, super::Malformed> {
        let mut fields = self.all(name);
        let first = fields.next();
        if fields.next().is_some() { Err(super::Malformed) } else { Ok(first) }
    }
}
