//! What was offered and agreed in a dialog ([RFC 3264]).

use crate::dialog::Dialog;
use crate::sdp::{
    Agreement, Capabilities, Direction, Origin, SdpError, agree, answer_towards, decline, make_offer_as,
};

/// What was offered and agreed.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) origin: Origin,
    /// What we can do; empty of codecs until the user says.
    pub(super) capabilities: Option<Capabilities>,
    /// Which way we want media to flow at most: less than both ways while we hold the other.
    pub(super) direction: Direction,
    pub(super) agreement: Option<Agreement>,
    /// The description we gave last, for deciding whether the next one is a new version.
    pub(super) described: Vec<u8>,
    /// Our offer that is not answered, but for one in a 2xx or a re-INVITE.
    pub(super) open_offer: Option<Vec<u8>>,
    /// Whether offer and answer were exchanged, and not only shown in a response that may get lost.
    pub(super) is_agreed: bool,
}

/// One callee of ours before anybody has answered: a forked INVITE has several.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) dialog: Dialog,
    pub(super) session: Session,
    /// The number of its last reliable provisional response.
    pub(super) rseq: Option<u32>,
}

impl Session {
    pub(super) fn new(session: u64) -> Self {
        // The number is written in decimal and some phones read it as a signed one.
        Self {
            origin: Origin { session: session >> 2, version: 1 },
            capabilities: None,
            direction: Direction::SendRecv,
            agreement: None,
            described: Vec::new(),
            open_offer: None,
            is_agreed: false,
        }
    }

    /// Answers an offer by what we can do.
    pub(super) fn answer(&mut self, offer: &[u8]) -> Result<(Vec<u8>, Agreement), SdpError> {
        let capabilities = self.capabilities.as_ref().ok_or(SdpError::NoCodec)?;
        let (mut description, agreement) = answer_towards(offer, capabilities, self.direction, self.origin)?;
        if !self.described.is_empty() && description != self.described {
            self.origin.version += 1;
            (description, _) = answer_towards(offer, capabilities, self.direction, self.origin)?;
        }
        self.described.clone_from(&description);
        Ok((description, agreement))
    }

    /// Offers what we can do.
    pub(super) fn offer(&mut self) -> Vec<u8> {
        match self.capabilities.clone() {
            Some(capabilities) => self.offer_of(&capabilities, self.direction),
            None => Vec::new(),
        }
    }

    /// Offers something else.
    pub(super) fn offer_of(&mut self, capabilities: &Capabilities, direction: Direction) -> Vec<u8> {
        let mut description = make_offer_as(capabilities, direction, self.origin);
        if !self.described.is_empty() && description != self.described {
            self.origin.version += 1;
            description = make_offer_as(capabilities, direction, self.origin);
        }
        self.described.clone_from(&description);
        description
    }

    /// Reads the answer to an offer of ours.
    pub(super) fn agree(&self, offer: &[u8], answer: &[u8]) -> Result<Agreement, SdpError> {
        agree(offer, answer, self.capabilities.as_ref().ok_or(SdpError::NoCodec)?)
    }

    /// Turns an offer down whole, as an answer has to: every stream stays, with port 0 ([RFC 3264 §6]).
    pub(super) fn decline(&self, offer: &[u8]) -> Option<Vec<u8>> {
        decline(offer, self.capabilities.as_ref()?.address, self.origin).ok()
    }
}
