//! Where everybody is once all is calm, beside what the store says of it.

use std::collections::BTreeSet;

use partyline_conference::reference::ReferenceRoom;
use partyline_conference::{Epoch, MixId, OutdialState, Standing};

use super::Keypads;

/// The mix to be in.
const fn mix_of(standing: &Standing) -> Option<(MixId, Epoch)> {
    match standing {
        Standing::ConnectedForNow(mix) | Standing::Placed { mix, .. } | Standing::Aside(mix) => {
            Some((mix.mix, mix.epoch))
        }
        Standing::Held | Standing::InWaitingRoom | Standing::Refused(_) | Standing::Removed(_) => None,
    }
}

impl Keypads {
    /// What is under way at one look is done by the next one: what is the same at both is wrong.
    pub(super) fn look(&mut self) {
        let mut astray: BTreeSet<String> = BTreeSet::new();
        astray.extend(self.callers_astray());
        astray.extend(self.outdials_astray());
        let first = astray.intersection(&self.astray).next().cloned();
        self.astray = astray;
        if let Some(astray) = first {
            self.fail(astray);
        }
    }

    /// Callers who are elsewhere than they should be, or in no mix where there is one for them.
    fn callers_astray(&self) -> Vec<String> {
        let there = self.callers.iter().enumerate().filter(|(_, caller)| !caller.is_over);
        there
            .filter_map(|(nth, caller)| {
                let standing = self.store.view(caller.attendance)?.standing;
                let there = caller.wanted.as_ref().map(|(mix, epoch, _)| (*mix, *epoch));
                let should = mix_of(&standing);
                let is_right = there == should && caller.is_joined == should.is_some();
                (!is_right).then(|| format!("caller {nth} is in {there:?}, and should be in {should:?}"))
            })
            .collect()
    }

    /// Who is called for nobody, and who talks in private with somebody whose call is over.
    fn outdials_astray(&self) -> Vec<String> {
        let outdials = self.store.room(self.room).map_or(&[][..], ReferenceRoom::outdials);
        let mut astray = Vec::new();
        for caller in self.callers.iter().filter(|caller| caller.calling.is_some()) {
            let is_wanted = outdials.iter().any(|outdial| {
                outdial.state == OutdialState::Dialling
                    && Some(outdial.callee) == caller.calling
                    && outdial.asker == caller.attendance
            });
            if !is_wanted {
                astray.push(format!("{:?} is called, and nobody wants them", caller.calling));
            }
        }
        let is_there = |who| self.callers.iter().any(|caller| caller.attendance == who && !caller.is_over);
        for outdial in outdials {
            let has_both = match outdial.state {
                OutdialState::Dialling => is_there(outdial.asker),
                OutdialState::Aside => is_there(outdial.asker) && is_there(outdial.callee),
                OutdialState::Joined => is_there(outdial.callee),
            };
            if !has_both {
                astray.push(format!("an outdial is left over: {outdial:?}"));
            }
        }
        astray
    }
}
