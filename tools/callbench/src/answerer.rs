//! A bare SIP user agent that answers every call at once and sends no media: what the SIP layer costs by itself.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use partyline_sip::endpoint::{
    CallEnd, CallEvent, Endpoint, EndpointConfig, EndpointCounters, Listen, Output, TransportKind,
};
use partyline_sip::sdp::Capabilities;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use crate::bench::capabilities;
use crate::plan::CallPlan;
use crate::process::ProcessMeter;

/// The longest datagram that UDP carries.
const DATAGRAM_MAX: usize = 65_535;
/// What may wait in the kernel: two thousand calls a second and a moment's sleep.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// Datagrams taken before timers are looked at.
const BATCH: usize = 64;
/// How soon a question is noticed.
const QUESTION_STEP: Duration = Duration::from_millis(50);

/// What an answerer has done and holds.
#[derive(Debug, Clone, Serialize)]
pub struct AnswererFigures {
    /// Calls answered since the start.
    pub answered: u64,
    /// Calls that were confirmed by ACK and hung up by the caller.
    pub hung_up: u64,
    /// Calls that ended in another way.
    pub ended_otherwise: u64,
    /// Calls up or half-open.
    pub calls: usize,
    /// Of these without an ACK.
    pub half_open: usize,
    /// Live transactions.
    pub transactions: usize,
    /// Retransmissions of ours.
    pub retransmitted: u64,
    /// Requests refused for lack of room.
    pub overloaded: u64,
    /// Datagrams dropped.
    pub dropped: u64,
    /// CPU time of the process since its start, in seconds.
    pub cpu_s: f64,
    /// Resident memory, in octets.
    pub resident: u64,
}

/// The user agent.
#[derive(Debug)]
pub struct Answerer {
    socket: UdpSocket,
    local: SocketAddr,
    endpoint: Endpoint,
    capabilities: Capabilities,
    answered: u64,
    hung_up: u64,
    ended_otherwise: u64,
}

impl Answerer {
    /// Binds to an address.
    ///
    /// # Errors
    /// Where the address is taken.
    pub fn bind(local: SocketAddr, calls_max: usize) -> std::io::Result<Self> {
        let socket = UdpSocket::bind(local)?;
        socket.set_nonblocking(true)?;
        // The system may grant less.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES);
        let local = socket.local_addr()?;
        let endpoint = Endpoint::new(EndpointConfig {
            user_agent: "callbench-answer".to_owned(),
            listens: vec![Listen { transport: TransportKind::Udp, local, advertised: local }],
            calls_max,
            half_open_max: calls_max,
            half_open_per_source_max: calls_max,
            seed: rand::random(),
            ..EndpointConfig::default()
        });
        // Nothing listens on the port: callers' media is lost, as it should be here.
        let capabilities = capabilities(&CallPlan::new(String::new()), local.ip(), 9);
        Ok(Self { socket, local, endpoint, capabilities, answered: 0, hung_up: 0, ended_otherwise: 0 })
    }

    /// Answers until the questions' sender is gone; each question is answered by a line of JSON.
    ///
    /// # Errors
    /// Where the socket fails, or nobody takes the answers.
    pub fn run(mut self, questions: &Receiver<()>, answers: &mut impl Write) -> std::io::Result<()> {
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            match questions.try_recv() {
                Ok(()) => writeln!(answers, "{}", serde_json::to_string(&self.figures()?)?)?,
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => {}
            }
            self.receive(&mut buffer)?;
            self.endpoint.handle_timeout(Instant::now());
            self.drain();
            self.wait()?;
        }
    }

    /// What it has done and holds.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn figures(&self) -> std::io::Result<AnswererFigures> {
        let EndpointCounters { calls, half_open, transactions, dropped, overloaded, retransmitted, .. } =
            self.endpoint.counters();
        let process = ProcessMeter::new(std::process::id());
        Ok(AnswererFigures {
            answered: self.answered,
            hung_up: self.hung_up,
            ended_otherwise: self.ended_otherwise,
            calls,
            half_open,
            transactions,
            retransmitted,
            overloaded,
            dropped,
            cpu_s: process.cpu()?.as_secs_f64(),
            resident: process.resident_octets()?,
        })
    }

    fn receive(&mut self, buffer: &mut [u8]) -> std::io::Result<()> {
        for _ in 0..BATCH {
            match self.socket.recv_from(buffer) {
                Ok((count, remote)) => {
                    self.endpoint.handle_datagram(Instant::now(), self.local, remote, &buffer[..count]);
                    self.drain();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // An earlier datagram found nobody: that is the caller's end, not ours.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                // What the system can't send now is lost; SIP sends it again.
                Output::SendDatagram { remote, bytes, .. } => drop(self.socket.send_to(&bytes, remote)),
                Output::Call(key, CallEvent::Incoming(_)) => {
                    if self.endpoint.answer(Instant::now(), key, &self.capabilities).is_ok() {
                        self.answered += 1;
                    }
                }
                Output::Call(_, CallEvent::Ended(CallEnd::TheyHungUp(_))) => {
                    self.hung_up += 1;
                }
                Output::Call(_, CallEvent::Ended(_)) => self.ended_otherwise += 1,
                Output::Connect { connection, .. } => {
                    self.endpoint.handle_disconnected(Instant::now(), connection);
                }
                Output::Locate { .. } | Output::Registration(..) | Output::Subscription(..) => {}
                Output::Call(..) | Output::SendStream { .. } | Output::Disconnect { .. } => {}
            }
        }
    }

    /// Waits for a datagram, a timer or a question.
    fn wait(&self) -> std::io::Result<()> {
        let due = self.endpoint.poll_timeout().map(|due| due.saturating_duration_since(Instant::now()));
        let most = due.unwrap_or(QUESTION_STEP).min(QUESTION_STEP);
        let timeout = Timespec::try_from(most).expect("at most 50 ms");
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
