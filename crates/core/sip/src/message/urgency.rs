//! What a message is about, told at a glance: which of many that wait is read first.

/// How much of a head is looked at for To; it stands among the first lines.
const LOOKED_AT_MAX: usize = 4_096;

/// What waits for a message to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody who is not in a call, or nobody.
    Strange,
    /// A call that is there: a response, or a request that belongs to a dialog or ends one.
    OfCall,
}

impl Urgency {
    /// At a glance, without parsing; whatever the bytes.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        let message = &message[..message.len().min(LOOKED_AT_MAX)];
        let method = message.split(|byte| *byte == b' ').next().unwrap_or_default();
        let is_of_call = match method {
            b"SIP/2.0" | b"ACK" | b"BYE" | b"CANCEL" | b"PRACK" => true,
            _ => has_to_tag(message),
        };
        if is_of_call { Self::OfCall } else { Self::Strange }
    }
}

/// Whether To bears a tag: the request belongs to a dialog.
fn has_to_tag(message: &[u8]) -> bool {
    let lines = message.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).skip(1);
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = line[..colon].trim_ascii();
        if name.eq_ignore_ascii_case(b"To") || name.eq_ignore_ascii_case(b"t") {
            return line[colon..].windows(4).any(|four| four.eq_ignore_ascii_case(b"tag="));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_call_is_told_from_what_begins_one() {
        for of_call in [
            &b"SIP/2.0 200 OK\r\n\r\n"[..],
            b"ACK sip:a@b SIP/2.0\r\nTo: <sip:a@b>\r\n\r\n",
            b"BYE sip:a@b SIP/2.0\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\r\n",
            b"INFO sip:a@b SIP/2.0\r\nt:<sip:a@b> ; TAG=2\r\n\r\n",
        ] {
            assert_eq!(Urgency::of(of_call), Urgency::OfCall, "{}", String::from_utf8_lossy(of_call));
        }
        for strange in [
            &b"INVITE sip:a@b SIP/2.0\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n\r\nTo: ;tag=3\r\n"[..],
            b"OPTIONS sip:a@b SIP/2.0\r\nt: <sip:a@b>\r\n\r\n",
            b"INVITE",
            b"",
            b"\r\n\r\n",
            b"\xff\xfe",
        ] {
            assert_eq!(Urgency::of(strange), Urgency::Strange, "{}", String::from_utf8_lossy(strange));
        }
    }
}
