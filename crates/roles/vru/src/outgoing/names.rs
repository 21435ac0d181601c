//! The URIs of numbers at the hosts of trunks.

use partyline_trunk::{Host, Transport};

/// The URI of a number at a host.
pub(super) fn uri(user: &str, host: &Host, transport: Option<Transport>) -> String {
    let user = partyline_sip::message::escape_user(user);
    let parameter = match transport {
        None => "",
        Some(Transport::Udp) => ";transport=udp",
        Some(Transport::Tcp) => ";transport=tcp",
        Some(Transport::Tls) => ";transport=tls",
    };
    let at = if user.is_empty() { String::new() } else { format!("{user}@") };
    format!("sip:{at}{host}{parameter}")
}
