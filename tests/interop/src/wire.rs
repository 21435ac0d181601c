//! A wire between a SIP program and the server that loses, holds back and repeats the datagrams that a test names.
//!
//! It changes no byte: Via, Contact and SDP stay what the two sides wrote. So only programs that send all to the
//! address they called can be wired; sipp is one.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the thread looks whether the wire was cut.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// More than any SIP datagram.
const DATAGRAM_MAX: usize = 65_536;

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Passes,
    /// It never arrives.
    IsLost,
    /// It arrives right after the next datagram that passes in either direction.
    IsHeld,
    /// It arrives twice.
    IsDoubled,
}

/// A SIP message on the wire: enough of it to tell it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The request's method, or the response's status.
    pub start: String,
    /// The method in its CSeq.
    pub method: String,
    /// How many of the same start and CSeq method came before it in this direction.
    pub repeat: usize,
    /// Whether the server sent it.
    pub is_from_server: bool,
}

/// A wire, cut when dropped.
#[derive(Debug)]
pub struct Wire {
    end: SocketAddr,
    is_cut: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Lays a wire whose near end is an address of the test's own and whose far end is the server; `judge` decides on
    /// each message.
    ///
    /// # Errors
    /// When a socket can't be had.
    pub fn lay(
        local: Ipv4Addr,
        server: SocketAddr,
        judge: impl FnMut(&Message) -> Fate + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::lay_to(local, server, None, judge)
    }

    /// The same with a program at the near end that waits to be called there.
    ///
    /// # Errors
    /// When a socket can't be had.
    pub fn lay_to(
        local: Ipv4Addr,
        server: SocketAddr,
        callee: Option<SocketAddr>,
        judge: impl FnMut(&Message) -> Fate + Send + 'static,
    ) -> std::io::Result<Self> {
        // One socket for both sides: responses go to the port in the Via, which is the caller's (RFC 3261 §18.2.2).
        let socket = UdpSocket::bind((local, 5060))?;
        let end = socket.local_addr()?;
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&is_cut);
        socket.set_read_timeout(Some(LOOK_EVERY))?;
        let mut line = Line { socket, server, caller: callee, held: Vec::new(), seen: Vec::new(), judge };
        let thread = std::thread::spawn(move || {
            while !cut.load(Ordering::Relaxed) {
                line.carry();
            }
        });
        Ok(Self { end, is_cut, thread: Some(thread) })
    }

    /// Where the other side is called, on either end.
    #[must_use]
    pub const fn end(&self) -> SocketAddr {
        self.end
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.is_cut.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Line<J> {
    socket: UdpSocket,
    server: SocketAddr,
    caller: Option<SocketAddr>,
    held: Vec<(bool, Vec<u8>)>,
    seen: Vec<(bool, String, String)>,
    judge: J,
}

impl<J: FnMut(&Message) -> Fate> Line<J> {
    /// Carries what comes next, from either side.
    fn carry(&mut self) {
        let mut bytes = vec![0; DATAGRAM_MAX];
        let Ok((length, from)) = self.socket.recv_from(&mut bytes) else {
            return;
        };
        let is_from_server = from == self.server;
        if !is_from_server {
            self.caller = Some(from);
        }
        self.take(is_from_server, &bytes[..length]);
    }

    fn take(&mut self, is_from_server: bool, datagram: &[u8]) {
        let Some((start, method)) = start_and_method(datagram) else {
            return self.deliver(is_from_server, datagram);
        };
        let key = (is_from_server, start.clone(), method.clone());
        let repeat = self.seen.iter().filter(|seen| **seen == key).count();
        self.seen.push(key);
        match (self.judge)(&Message { start, method, repeat, is_from_server }) {
            Fate::IsLost => return,
            Fate::IsHeld => return self.held.push((is_from_server, datagram.to_vec())),
            Fate::IsDoubled => self.deliver(is_from_server, datagram),
            Fate::Passes => {}
        }
        self.deliver(is_from_server, datagram);
        for (is_from_server, held) in std::mem::take(&mut self.held) {
            self.deliver(is_from_server, &held);
        }
    }

    /// What can't be delivered is lost, as on any wire.
    fn deliver(&self, is_from_server: bool, datagram: &[u8]) {
        let to = if is_from_server { self.caller } else { Some(self.server) };
        let _ = to.map(|to| self.socket.send_to(datagram, to));
    }
}

/// The method or status in the first line, and the method of the CSeq.
fn start_and_method(datagram: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(datagram);
    let mut words = text.lines().next()?.split(' ');
    let first = words.next()?;
    let start = if first == "SIP/2.0" { words.next()? } else { first };
    let cseq = text.lines().find_map(|line| line.strip_prefix("CSeq:"))?;
    Some((start.to_owned(), cseq.split_whitespace().nth(1)?.to_owned()))
}
