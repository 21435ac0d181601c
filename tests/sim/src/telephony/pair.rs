//! One call as its two sides know it, and the pairs of ends that a call may come to.

use partyline_sip::endpoint::{CallEnd, CallEvent, CallKey};
use partyline_sip::sdp::Direction;

use super::{PHONES, SERVER};

/// What one side knows.
#[derive(Debug, Clone, Default)]
struct Side {
    call: Option<CallKey>,
    /// Who sends, as offer and answer had it last.
    direction: Option<Direction>,
    /// Its user hung up or refused.
    acted: bool,
    end: Option<CallEnd>,
}

/// Both sides of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Pair {
    sides: [Side; 2],
}

impl Pair {
    pub(super) fn begun(call: CallKey) -> Self {
        let mut pair = Self::default();
        pair.sides[PHONES].call = Some(call);
        pair
    }

    /// The call has come; false where it came before.
    pub(super) fn come(&mut self, call: CallKey) -> bool {
        self.sides[SERVER].call.replace(call).is_none()
    }

    pub(super) fn act(&mut self, end: usize) {
        self.sides[end].acted = true;
    }

    pub(super) fn agree(&mut self, end: usize, direction: Direction) {
        self.sides[end].direction = Some(direction);
    }

    /// Something happened; an error where it may not.
    pub(super) fn tell(&mut self, end: usize, event: &CallEvent) -> Result<(), String> {
        if let Some(ended) = &self.sides[end].end {
            return Err(format!("{event:?} after {ended:?}"));
        }
        if let CallEvent::Answered(agreed) | CallEvent::Changed(agreed) | CallEvent::Confirmed(Some(agreed)) =
            event
        {
            self.agree(end, agreed.direction);
        }
        if let CallEvent::Ended(ended) = event {
            self.sides[end].end = Some(ended.clone());
        }
        Ok(())
    }

    /// The calls of both sides, where both are up and know the same; nothing where none is.
    pub(super) fn up(&self) -> Option<Result<[CallKey; 2], String>> {
        let [phone, server] = &self.sides;
        let is_up = |side: &Side| side.call.is_some() && side.end.is_none();
        match (is_up(phone), is_up(server)) {
            (false, false) => None,
            (true, true) => match (phone.direction, server.direction) {
                (Some(one), Some(other)) if one.mirrored() == other => {
                    phone.call.zip(server.call).map(|(phone, server)| Ok([phone, server]))
                }
                _ => Some(Err(format!("the sides do not agree who sends: {self:?}"))),
            },
            _ => Some(Err(format!("one side alone is in the call: {self:?}"))),
        }
    }

    /// Each end of a side follows from what it or the other side did ([RFC 3261 §9, §12.2.1.2, §13.3.1.4, §15]).
    pub(super) fn check_the_end(&self) -> Result<(), String> {
        let [phone, server] = &self.sides;
        let Some(ended) = &phone.end else { return Err("the phone's side never ended".to_owned()) };
        let Some(other) = &server.end else {
            // INVITE never came through.
            let never_came = matches!(ended, CallEnd::WeHungUp | CallEnd::TimedOut);
            return (server.call.is_none() && never_came)
                .then_some(())
                .ok_or_else(|| "half a call".to_owned());
        };
        // Whatever is not named here is an end that nothing in these calls leads to.
        let has_cause = match ended {
            CallEnd::TimedOut => true,
            CallEnd::WeHungUp => phone.acted,
            // Who gives up waiting for an ACK, or for the answer to a change, sends BYE too.
            CallEnd::TheyHungUp(_) => server.acted || matches!(other, CallEnd::TimedOut),
            CallEnd::Refused { status: 486 } => matches!(other, CallEnd::Rejected),
            refused => {
                matches!(refused, CallEnd::Refused { .. })
                    && matches!(other, CallEnd::WeHungUp | CallEnd::TimedOut)
            }
        };
        let other_has_cause = match other {
            CallEnd::TimedOut => true,
            CallEnd::WeHungUp | CallEnd::Rejected => server.acted,
            CallEnd::TheyHungUp(_) => phone.acted || matches!(ended, CallEnd::TimedOut),
            // A change that the phone knew no call for any more.
            CallEnd::Refused { status: 481 } => phone.acted || matches!(ended, CallEnd::TimedOut),
            cancelled => {
                matches!(cancelled, CallEnd::Cancelled(_))
                    && matches!(ended, CallEnd::WeHungUp | CallEnd::TimedOut)
            }
        };
        if has_cause && other_has_cause { Ok(()) } else { Err("ends that do not fit".to_owned()) }
    }
}
