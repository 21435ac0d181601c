//! How much is sent to an address that has never sent anything: whoever calls may name the address of somebody else.
//!
//! It counts packets, not time: a leg makes one each 20 ms. **Invariant:** without a sign from there, the packets that go
//! to an address that signalling named are bounded.

/// Packets before signalling shows that the caller hears us (their ACK): 5 s. A 200 is answered within a second or so.
const UNCONFIRMED_MAX: u32 = 250;
/// Packets after that: 60 s. Callers who only listen tell of themselves by RTCP, every few seconds.
const UNHEARD_MAX: u32 = 3_000;

/// What may still be sent.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    is_confirmed: bool,
    is_heard: bool,
    sent: u32,
    pub(crate) withheld: u64,
}

impl Reach {
    /// Signalling has shown that the caller is where it says.
    pub(crate) const fn confirm(&mut self) {
        self.is_confirmed = true;
    }

    /// The far side was heard: RTP of its own, or a report about ours.
    pub(crate) const fn heard(&mut self) {
        self.is_heard = true;
        self.sent = 0;
    }

    /// Signalling named another address.
    pub(crate) const fn moved(&mut self) {
        self.is_heard = false;
        self.sent = 0;
    }

    /// Whether the next packet may go; it counts as sent then.
    pub(crate) const fn take(&mut self) -> bool {
        if !self.is_open() {
            self.withheld += 1;
            return false;
        }
        self.sent = self.sent.saturating_add(1);
        true
    }

    /// Whether anything may go.
    pub(crate) const fn is_open(&self) -> bool {
        let most = if self.is_confirmed { UNHEARD_MAX } else { UNCONFIRMED_MAX };
        self.is_heard || self.sent < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(reach: &mut Reach) -> u32 {
        (0..10_000).map(|_| u32::from(reach.take())).sum()
    }

    #[test]
    fn an_address_that_never_says_anything_gets_a_few_seconds() {
        let mut reach = Reach::default();
        assert_eq!(sent(&mut reach), UNCONFIRMED_MAX);
        reach.confirm();
        assert_eq!(sent(&mut reach), UNHEARD_MAX - UNCONFIRMED_MAX);
        reach.heard();
        assert_eq!(sent(&mut reach), 10_000);
        reach.moved();
        assert_eq!(sent(&mut reach), UNHEARD_MAX, "another address begins anew");
    }
}
