//! Request methods.

/// The method of a request; case matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the methods")]
pub enum Method<'a> {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Info,
    Update,
    Prack,
    Refer,
    Subscribe,
    Notify,
    Message,
    Register,
    Publish,
    Other(&'a [u8]),
}

impl<'a> Method<'a> {
    /// Reads a method token.
    #[must_use]
    pub fn of(token: &'a [u8]) -> Self {
        match token {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"INFO" => Self::Info,
            b"UPDATE" => Self::Update,
            b"PRACK" => Self::Prack,
            b"REFER" => Self::Refer,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"MESSAGE" => Self::Message,
            b"REGISTER" => Self::Register,
            b"PUBLISH" => Self::Publish,
            other => Self::Other(other),
        }
    }

    /// The token.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Invite => b"INVITE",
            Self::Ack => b"ACK",
            Self::Bye => b"BYE",
            Self::Cancel => b"CANCEL",
            Self::Options => b"OPTIONS",
            Self::Info => b"INFO",
            Self::Update => b"UPDATE",
            Self::Prack => b"PRACK",
            Self::Refer => b"REFER",
            Self::Subscribe => b"SUBSCRIBE",
            Self::Notify => b"NOTIFY",
            Self::Message => b"MESSAGE",
            Self::Register => b"REGISTER",
            Self::Publish => b"PUBLISH",
            Self::Other(token) => token,
        }
    }
}
