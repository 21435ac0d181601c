//! INFO of ours: keys, in the two ways that telephones send them. Both are older than [RFC 6086], and neither is an
//! Info Package of it (§2); they go within the call, as its §4.2.1 has it.

use std::time::Instant;

use super::call::Phase;
use super::{CallError, CallKey, Endpoint, KeyBody, User};
use crate::message::Method;
use crate::transaction::ClientOpening;

/// How long a key is said to be down, in ms: who asks wants a key and no length.
const KEY_MS: u32 = 160;

impl Endpoint {
    /// Presses a key at the other side of a call by INFO. It is sent until it is answered, as every request; what the
    /// other side makes of it is not told.
    ///
    /// # Errors
    /// [`CallError::NoCall`]; [`CallError::WrongState`] where the call is not up, or it is no key of a telephone;
    /// [`CallError::Full`].
    pub fn press(&mut self, now: Instant, call: CallKey, key: char, body: KeyBody) -> Result<(), CallError> {
        let is_full = self.transactions.count() >= self.transactions_max;
        let open = self.calls.open(call).ok_or(CallError::NoCall)?;
        if !matches!(open.phase, Phase::Up { .. }) || !is_key(key) {
            return Err(CallError::WrongState);
        }
        if is_full {
            return Err(CallError::Full);
        }
        open.dialog.local_cseq += 1;
        let dialog = open.dialog.clone();
        let path = self.way_to(now, &dialog).ok_or(CallError::WrongState)?;
        let (content_type, text) = match body {
            KeyBody::Relay => ("application/dtmf-relay", format!("Signal={key}\r\nDuration={KEY_MS}\r\n")),
            KeyBody::Plain => ("application/dtmf", key.to_string()),
        };
        let branch = self.tokens.branch();
        let mut writer = dialog.request(Method::Info, dialog.local_cseq, &self.via(&path, &branch));
        writer.header("User-Agent", &[self.config.user_agent.as_bytes()]);
        let request = writer.end(Some((content_type, text.as_bytes())));
        self.ask(
            now,
            ClientOpening { branch: &branch, method: Method::Info, path, request, user: User::Nobody },
        );
        Ok(())
    }
}

const fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}
