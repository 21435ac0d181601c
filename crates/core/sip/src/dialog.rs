//! Dialogs ([RFC 3261 §12]): who talks to whom, in which order, and which way.

use std::net::SocketAddr;

use crate::message::limits::VALUES_MAX;
use crate::message::{Address, HeaderName, Headers, Method, Request, Response, Uri, Writer, split_commas};
use crate::reach;
use crate::wire::Path;

/// One side's view of a dialog; half of it is empty until the other side answers.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    pub(crate) call_id: Vec<u8>,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: Vec<u8>,
    /// From in our requests, tag included.
    pub(crate) local: Vec<u8>,
    /// To in our requests, tag included once there is one.
    pub(crate) remote: Vec<u8>,
    pub(crate) local_cseq: u32,
    pub(crate) remote_cseq: u32,
    routes: Vec<Vec<u8>>,
    /// The Request-URI of our requests.
    target: Vec<u8>,
    /// The way that messages took so far.
    pub(crate) path: Path,
    /// Our Contact.
    pub(crate) contact: String,
    /// The name that was asked of the certificate of whom we called.
    server_name: String,
    /// Whether we began it.
    pub(crate) is_ours: bool,
    /// Whether the other side names addresses that lead nowhere from here: requests go to where its own came from.
    is_behind_nat: bool,
    /// Whether the addresses that the other side names are taken at their word all the same.
    trusts_contact: bool,
    /// The credentials of the last INVITE, which its ACK repeats; whole lines.
    pub(crate) ack_credentials: Vec<u8>,
}

/// What a dialog that we begin starts with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) local: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) path: Path,
    pub(crate) contact: String,
    pub(crate) server_name: String,
    /// The route that the first request takes, if it is given one.
    pub(crate) routes: Vec<Vec<u8>>,
}

fn contact_uri(headers: &Headers<'_>) -> Option<Vec<u8>> {
    let contact = headers.first(HeaderName::Contact)?;
    let address = Address::parse(split_commas(contact).next()?).ok()?;
    Uri::parse(address.uri).ok().map(|_| address.uri.to_vec())
}

/// Whether an address that is named leads back to whom the path leads to; of a host name that is not known.
fn leads_back(target: &[u8], path: Path) -> bool {
    let named = Uri::parse(target).ok().and_then(|uri| uri.socket_address());
    named.is_none_or(|named| reach::leads_back(named.ip(), path.remote.ip()))
}

/// Whether there is a NAT between a sender and us: it names another address in its Via than it sends from, or one in
/// its Contact that is not known here.
fn is_behind_nat(request: &Request<'_>, source: Path) -> bool {
    request.core.via.is_sent_from_elsewhere(source.remote.ip())
        || contact_uri(&request.headers).is_some_and(|contact| !leads_back(&contact, source))
}

fn record_routes(headers: &Headers<'_>) -> Vec<Vec<u8>> {
    headers.all(HeaderName::RecordRoute).flat_map(split_commas).take(VALUES_MAX).map(<[u8]>::to_vec).collect()
}

impl Dialog {
    /// The dialog that an INVITE of theirs begins.
    pub(crate) fn of_request(
        request: &Request<'_>,
        source: Path,
        local_tag: String,
        contact: String,
    ) -> Self {
        let core = &request.core;
        let target = contact_uri(&request.headers).unwrap_or_else(|| core.from.uri.to_vec());
        Self {
            call_id: core.call_id.to_vec(),
            remote_tag: core.from.tag().unwrap_or_default().to_vec(),
            local: [core.to_bytes, b";tag=", local_tag.as_bytes()].concat(),
            remote: core.from_bytes.to_vec(),
            local_tag,
            local_cseq: 0,
            remote_cseq: core.cseq,
            routes: record_routes(&request.headers),
            // An agent of RFC 2543 may name no Contact; then From has to do.
            target,
            path: source,
            contact,
            server_name: String::new(),
            is_ours: false,
            is_behind_nat: is_behind_nat(request, source),
            trusts_contact: false,
            ack_credentials: Vec::new(),
        }
    }

    /// Takes the addresses that the other side names at their word, come what may.
    pub(crate) fn trust_contact(&mut self) {
        self.trusts_contact = true;
    }

    /// The dialog that an INVITE of ours may begin.
    pub(crate) fn begin(beginning: Beginning) -> Self {
        let Beginning { call_id, local_tag, local, target, path, contact, server_name, routes } = beginning;
        Self {
            call_id: call_id.into_bytes(),
            remote_tag: Vec::new(),
            remote: [b"<", target.as_slice(), b">"].concat(),
            local,
            local_tag,
            local_cseq: 1,
            remote_cseq: 0,
            routes,
            target,
            path,
            contact,
            server_name,
            is_ours: true,
            is_behind_nat: false,
            trusts_contact: false,
            ack_credentials: Vec::new(),
        }
    }

    /// Our first request goes to somebody else, whose certificate has to bear this name.
    pub(crate) fn retarget(&mut self, uri: &[u8], server_name: &str) {
        uri.clone_into(&mut self.target);
        server_name.clone_into(&mut self.server_name);
    }

    /// Whether the target is to be reached securely all the way.
    pub(crate) fn is_target_secured(&self) -> bool {
        Uri::parse(&self.target).is_ok_and(|uri| uri.is_scheme(b"sips"))
    }

    /// A response to our INVITE makes it a whole dialog ([RFC 3261 §12.1.2]).
    pub(crate) fn establish(&mut self, response: &Response<'_>) {
        self.remote_tag = response.core.to.tag().unwrap_or_default().to_vec();
        self.remote = response.core.to_bytes.to_vec();
        self.routes = record_routes(&response.headers);
        self.routes.reverse();
        if let Some(target) = contact_uri(&response.headers) {
            self.target = target;
        }
        self.is_behind_nat = !leads_back(&self.target, self.path);
    }

    /// The response to a target refresh of ours: they may have moved.
    pub(crate) fn refresh(&mut self, response: &Response<'_>) {
        if let Some(target) = contact_uri(&response.headers) {
            self.target = target;
        }
    }

    /// A target refresh of theirs: a re-INVITE or UPDATE with another Contact, or by another way.
    pub(crate) fn follow(&mut self, request: &Request<'_>, source: Path) {
        if let Some(target) = contact_uri(&request.headers) {
            self.target = target;
        }
        if source.transport() == self.path.transport() && source.local == self.path.local {
            self.path = source;
            self.is_behind_nat = is_behind_nat(request, source);
        }
    }

    /// A request of ours in the dialog; ends with its headers but for the user's own.
    pub(crate) fn request(&self, method: Method<'_>, cseq: u32, via: &str) -> Writer {
        let is_strict = self.routes.first().is_some_and(|route| !is_loose(route));
        // A strict router wants to stand in the Request-URI, and the target behind all routes (RFC 3261 §12.2.1.1).
        let first_uri =
            self.routes.first().and_then(|route| Address::parse(route).ok()).map(|route| route.uri);
        let uri = first_uri.filter(|_| is_strict).unwrap_or(&self.target);
        let mut writer = Writer::request(method, uri);
        writer.header("Via", &[via.as_bytes()]);
        for route in self.routes.iter().skip(usize::from(is_strict)) {
            writer.header("Route", &[route]);
        }
        if is_strict {
            writer.header("Route", &[b"<", &self.target, b">"]);
        }
        writer.header("Max-Forwards", &[b"70"]).header("From", &[&self.local]).header("To", &[&self.remote]);
        writer
            .header("Call-ID", &[&self.call_id])
            .header("CSeq", &[cseq.to_string().as_bytes(), b" ", method.as_bytes()]);
        if method == Method::Ack {
            writer.lines(&self.ack_credentials);
        }
        writer
    }

    /// Where the next request goes. Host names are not looked up: then, and through a NAT, the way back is the way
    /// that their messages came.
    pub(crate) fn next_hop(&self) -> SocketAddr {
        let named = match self.routes.first() {
            Some(route) => {
                Address::parse(route).ok().and_then(|route| Uri::parse(route.uri).ok()?.socket_address())
            }
            None if self.is_behind_nat && !self.trusts_contact => None,
            None => Uri::parse(&self.target).ok().and_then(|target| target.socket_address()),
        };
        named.filter(|address| address.is_ipv4() == self.path.local.is_ipv4()).unwrap_or(self.path.remote)
    }
}

impl Dialog {
    /// The name that the certificate of the next hop has to bear, should a connection be opened to it.
    pub(crate) fn next_hop_name(&self) -> String {
        if !self.server_name.is_empty() && self.next_hop() == self.path.remote {
            return self.server_name.clone();
        }
        let host = |uri: &[u8]| Uri::parse(uri).map(|uri| uri.host_text()).ok();
        match self.routes.first() {
            Some(route) => Address::parse(route).ok().and_then(|route| host(route.uri)),
            None => host(&self.target),
        }
        .unwrap_or_default()
    }
}

fn is_loose(route: &[u8]) -> bool {
    Address::parse(route)
        .ok()
        .and_then(|address| Uri::parse(address.uri).ok().map(|uri| uri.is_loose_router()))
        .unwrap_or(true)
}

/// What names a dialog here: Call-ID and our tag.
pub(crate) fn dialog_key(call_id: &[u8], local_tag: &[u8]) -> Box<[u8]> {
    [call_id, b"\0", local_tag].concat().into_boxed_slice()
}
