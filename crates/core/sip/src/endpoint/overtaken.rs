//! Reliable provisional responses that the refusal of their call has overtaken: the PRACK of each may come still, and is
//! answered as if the call were there ([RFC 3262 §3]).

use std::collections::VecDeque;
use std::time::Instant;

use super::call::Call;
use super::provisional::acknowledged;
use crate::message::Request;
use crate::timer::T1_64;

/// Most of them; of more the oldest ones are forgotten. Each costs about 100 bytes.
const REMEMBERED_MAX: usize = 1_024;

/// Those of the last 64·T1, with when each is forgotten.
#[derive(Debug, Default)]
pub(super) struct Overtaken {
    live: VecDeque<(Instant, Box<[u8]>)>,
}

impl Overtaken {
    /// A call is refused: what it has sent reliably and nobody has acknowledged is remembered.
    pub(super) fn remember(&mut self, now: Instant, call: &Call) {
        let dialog = &call.dialog;
        let Some(waiting) = call.reliable.as_ref().and_then(|reliable| reliable.waiting.as_ref()) else {
            return;
        };
        let tags = (dialog.local_tag.as_bytes(), dialog.remote_tag.as_slice());
        let name = name_of(&dialog.call_id, tags, (waiting.rseq, waiting.cseq));
        self.expire(now);
        if self.live.len() == REMEMBERED_MAX {
            self.live.pop_front();
        }
        self.live.push_back((now + T1_64, name));
    }

    /// Whether a PRACK acknowledges one; each is acknowledged once.
    pub(super) fn take(&mut self, now: Instant, prack: &Request<'_>) -> bool {
        self.expire(now);
        let core = &prack.core;
        let tags = (core.to.tag().unwrap_or_default(), core.from.tag().unwrap_or_default());
        let found = acknowledged(prack).map(|numbers| name_of(core.call_id, tags, numbers));
        let place = found.and_then(|name| self.live.iter().position(|(_, known)| *known == name));
        place.and_then(|place| self.live.remove(place)).is_some()
    }

    pub(super) fn count(&self) -> usize {
        self.live.len()
    }

    fn expire(&mut self, now: Instant) {
        while self.live.front().is_some_and(|(until, _)| *until <= now) {
            self.live.pop_front();
        }
    }
}

/// What names a response: its dialog, with our tag and theirs, and the numbers in its RAck.
fn name_of(call_id: &[u8], (local, remote): (&[u8], &[u8]), (rseq, cseq): (u32, u32)) -> Box<[u8]> {
    let numbers = [rseq.to_be_bytes(), cseq.to_be_bytes()].concat();
    [call_id, b"\0", local, b"\0", remote, b"\0", &numbers].concat().into_boxed_slice()
}
