//! One call as its sides know it, and the ends that these may come to: a phone, and every server that it got to.

use partyline_sip::endpoint::{CallEnd, CallEvent, CallKey};
use partyline_sip::sdp::Direction;

use super::plan::Way;

/// What one side knows.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// Whose side it is.
    pub(super) end: usize,
    pub(super) call: CallKey,
    /// Who sends, as offer and answer had it last.
    direction: Option<Direction>,
    /// Ours: it was answered. Theirs: we answered.
    is_answered: bool,
    /// Its user hung up or refused.
    acted: bool,
    ended: Option<CallEnd>,
}

/// A call: its first side is the phone's.
#[derive(Debug, Clone)]
pub(super) struct Talk {
    way: Way,
    pub(super) sides: Vec<Side>,
}

/// What is known of the run that a call is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Nothing was lost or late.
    pub(super) is_fair: bool,
}

impl Talk {
    pub(super) fn begun(way: Way, end: usize, call: CallKey) -> Self {
        let mut talk = Self { way, sides: Vec::new() };
        talk.add(end, call);
        talk
    }

    fn add(&mut self, end: usize, call: CallKey) -> usize {
        let side = Side { end, call, direction: None, is_answered: false, acted: false, ended: None };
        self.sides.push(side);
        self.sides.len() - 1
    }

    /// The call has come to a server: the place of that side. It may come once to each, but for what is challenged.
    pub(super) fn come(&mut self, end: usize, call: CallKey) -> Result<usize, String> {
        // A forked call whose session is too short for one of the callees begins anew with all that have refused it.
        let is_forked = self.way == Way::Forked;
        let is_again = self.sides.iter().any(|side| {
            side.end == end
                && match &side.ended {
                    Some(CallEnd::Challenged) => false,
                    Some(CallEnd::Rejected | CallEnd::WeHungUp | CallEnd::Cancelled(_)) => !is_forked,
                    _ => true,
                }
        });
        if is_again {
            return Err(format!("it comes to {end} for a second time: {self:?}"));
        }
        Ok(self.add(end, call))
    }

    /// The call has come to a server that asks who it is: of that side nothing follows but its end.
    pub(super) fn challenged(&mut self, end: usize, call: CallKey) -> usize {
        self.add(end, call)
    }

    pub(super) fn act(&mut self, place: usize) {
        self.sides[place].acted = true;
    }

    pub(super) fn agree(&mut self, place: usize, direction: Direction) {
        self.sides[place].direction = Some(direction);
    }

    pub(super) fn is_answered(&mut self, place: usize) {
        self.sides[place].is_answered = true;
    }

    /// Something happened; an error where it may not.
    pub(super) fn tell(&mut self, place: usize, event: &CallEvent) -> Result<(), String> {
        let side = &mut self.sides[place];
        if let Some(ended) = &side.ended {
            return Err(format!("{event:?} after {ended:?}"));
        }
        let comes_too_late =
            matches!(event, CallEvent::Answered(_) | CallEvent::Ringing | CallEvent::Early(_))
                && side.is_answered
                && place == 0;
        if comes_too_late {
            return Err(format!("{event:?} after the answer"));
        }
        if let CallEvent::Answered(agreed)
        | CallEvent::Early(agreed)
        | CallEvent::Changed(agreed)
        | CallEvent::Confirmed(Some(agreed)) = event
        {
            side.direction = Some(agreed.direction);
        }
        side.is_answered |= matches!(event, CallEvent::Answered(_));
        if let CallEvent::Ended(ended) = event {
            side.ended = Some(ended.clone());
        }
        Ok(())
    }

    /// Whether somebody takes the call for up whose other side is dead, or does so while being cut off.
    pub(super) fn is_with_the_dead(&self, is_dead: impl Fn(usize) -> bool) -> bool {
        let is_up = |side: &Side| side.is_answered && side.ended.is_none();
        let (phone, servers) = (&self.sides[0], &self.sides[1..]);
        let alive = servers.iter().filter(|side| is_up(side) && !is_dead(side.end)).count();
        let undead = servers.iter().any(|side| is_up(side) && is_dead(side.end));
        let is_lost = is_dead(phone.end) && (is_up(phone) || alive > 0);
        undead || is_lost || (is_up(phone) && alive != 1)
    }

    /// The sides that are in the call together and know the same; nothing where none is.
    pub(super) fn up(&self) -> Option<Result<[usize; 2], String>> {
        let mut up = (0..self.sides.len()).filter(|place| self.sides[*place].ended.is_none());
        match (up.next(), up.next(), up.next()) {
            (None, ..) => None,
            (Some(0), Some(server), None) => {
                let agreed = self.sides[0].direction.zip(self.sides[server].direction);
                if agreed.is_some_and(|(one, other)| one.mirrored() == other) {
                    Some(Ok([0, server]))
                } else {
                    Some(Err(format!("the sides do not agree who sends: {self:?}")))
                }
            }
            (Some(0), Some(_), Some(_)) => {
                Some(Err(format!("more than one callee is in the call: {self:?}")))
            }
            (Some(_), ..) => Some(Err(format!("one side alone is in the call: {self:?}"))),
        }
    }

    /// Each end of a side follows from what it or another side did ([RFC 3261 §9, §12.2.1.2, §13.3.1.4, §15]).
    pub(super) fn check_the_end(&self, run: Run) -> Result<(), String> {
        for (place, side) in self.sides.iter().enumerate() {
            let Some(ended) = &side.ended else {
                return Err(format!("the side of {} never ended", side.end));
            };
            let has_cause = if place == 0 {
                self.phone_has_cause(ended, run)
            } else {
                self.server_has_cause(side, ended, run)
            };
            if !has_cause {
                return Err(format!("{ended:?} of {} does not fit", side.end));
            }
        }
        let answered = self.sides.iter().filter(|side| side.is_answered).count();
        if self.sides[0].is_answered && answered < 2 {
            return Err("answered by nobody".to_owned());
        }
        Ok(())
    }

    /// Whatever is not named here is an end that nothing in these calls leads to.
    fn phone_has_cause(&self, ended: &CallEnd, run: Run) -> bool {
        let phone = &self.sides[0];
        let servers = &self.sides[1..];
        let some =
            |fits: &dyn Fn(&CallEnd) -> bool| servers.iter().filter_map(|side| side.ended.as_ref()).any(fits);
        match ended {
            // Where nothing gets lost only that nobody is there takes so long.
            CallEnd::TimedOut => !run.is_fair || matches!(self.way, Way::Failing | Way::Moved),
            CallEnd::WeHungUp => phone.acted,
            // Who gives up waiting for an ACK, or for the answer to a change, sends BYE too.
            CallEnd::TheyHungUp(_) => {
                servers.iter().any(|side| side.acted) || some(&|end| matches!(end, CallEnd::TimedOut))
            }
            // Somebody or something on the way has no room, or leads nowhere.
            CallEnd::Refused { status: 404 | 503 } if matches!(self.way, Way::Failing | Way::Moved) => true,
            CallEnd::Refused { status: 401 } => self.way == (Way::Secret { is_known: false }),
            CallEnd::Refused { status: 486 | 503 | 600 } => some(&|end| matches!(end, CallEnd::Rejected)),
            CallEnd::Refused { .. } => {
                some(&|end| matches!(end, CallEnd::WeHungUp | CallEnd::TimedOut | CallEnd::TheyHungUp(_)))
            }
            _ => false,
        }
    }

    fn server_has_cause(&self, side: &Side, ended: &CallEnd, run: Run) -> bool {
        let phone = &self.sides[0];
        // Who called has gone, or has given up on this server and may have been answered by another.
        let is_left = phone.acted
            || matches!(phone.ended, Some(CallEnd::TimedOut | CallEnd::Refused { .. }))
            || self.sides[1..].iter().any(|other| other.end != side.end && other.is_answered);
        match ended {
            // Who called does not wait any more for what others than the one that answered have to say.
            CallEnd::TimedOut => !run.is_fair || (is_left && self.way == Way::Forked),
            CallEnd::WeHungUp | CallEnd::Rejected => side.acted,
            CallEnd::Challenged => true,
            CallEnd::TheyHungUp(_) | CallEnd::Cancelled(_) => is_left,
            // An offer in an answer that came too late is turned down.
            CallEnd::NoAgreement => is_left && self.way == Way::Forked,
            // A change, or a refresh, that the phone knew no call for any more.
            CallEnd::Refused { status: 481 } => is_left,
            _ => false,
        }
    }
}
