//! A ring of io_uring by which many sockets are received from, or sent to, in one system call.
//!
//! Every operation is asked for without waiting (`MSG_DONTWAIT`), so that it is over when the call returns. That is not
//! taken on trust: [`Ring`] reads the completion of each one before it gives its buffers back. **Invariant:** the kernel
//! writes into a buffer only while [`Ring::receive`] runs, and reads from one only while [`Ring::send`] runs; where it does
//! not answer, the buffers are never freed.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode, squeue};

use crate::sockets::DATAGRAM_MAX;

/// Operations of one call. A call costs about 0.3 µs by itself: more at once save next to nothing, and their buffers leave
/// the cache.
pub(crate) const BATCH_MAX: usize = 64;
/// Room for what is to be sent: 64 packets of 500 octets. Longer ones are sent in smaller batches.
const OUTBOX_OCTETS: usize = BATCH_MAX * 512;
/// Between the beginnings of two receive buffers: a cache line more than a datagram, or all of them would begin in the
/// same few lines of the cache.
const STRIDE: usize = DATAGRAM_MAX + 64;
/// Packets to send begin on lines of the cache.
const PACKET_ALIGNMENT: usize = 64;
/// How long the kernel is waited for that did not answer at once, and how often: for something that never happens.
const ANSWER_WAIT: Duration = Duration::from_millis(2);
const ANSWER_TRIES: usize = 50;

/// The ring did not answer, or the system refused to enter it. It can't be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ring does not answer")]
pub(crate) struct Lost;

/// A packet that waits to be sent.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    socket: RawFd,
    start: u32,
    octets: u32,
}

/// A ring and the buffers of its operations. It is used by the thread that made it.
pub(crate) struct Ring {
    // Dropped by hand, before the buffers, or not at all.
    ring: ManuallyDrop<IoUring>,
    inbox: ManuallyDrop<Box<[u8]>>,
    outbox: ManuallyDrop<Box<[u8]>>,
    packets: [Held; BATCH_MAX],
    held_count: usize,
    outbox_used: usize,
    /// The results of the last call, by the place of the operation.
    results: [i32; BATCH_MAX],
    /// Operations whose completion has not been read.
    in_flight: usize,
}

impl Ring {
    /// Makes a ring for this thread.
    ///
    /// # Errors
    /// The system's: too old (before Linux 6.1), forbidden, or out of memory or descriptors.
    pub(crate) fn new() -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .build(BATCH_MAX as u32)?;
        Ok(Self {
            ring: ManuallyDrop::new(ring),
            inbox: ManuallyDrop::new(vec![0; BATCH_MAX * STRIDE].into()),
            outbox: ManuallyDrop::new(vec![0; OUTBOX_OCTETS].into()),
            packets: [Held::default(); BATCH_MAX],
            held_count: 0,
            outbox_used: 0,
            results: [0; BATCH_MAX],
            in_flight: 0,
        })
    }

    /// Receives once from each of these sockets, [`BATCH_MAX`] of them at most. What came of it is told by
    /// [`Ring::received`].
    ///
    /// # Errors
    /// [`Lost`]; nothing was received then.
    pub(crate) fn receive(&mut self, sockets: &[RawFd]) -> Result<(), Lost> {
        let sockets = &sockets[..sockets.len().min(BATCH_MAX)];
        let inbox = self.inbox.as_mut_ptr();
        for (place, &socket) in sockets.iter().enumerate() {
            // The places are fewer than the buffers.
            let buffer = inbox.wrapping_add(place * STRIDE);
            let receive = opcode::Recv::new(Fd(socket), buffer, DATAGRAM_MAX as u32);
            self.push(&receive.flags(libc::MSG_DONTWAIT).build().user_data(place as u64))?;
        }
        self.carry_out()
    }

    /// What the last [`Ring::receive`] found at the socket of this place; `None` where nothing waits.
    pub(crate) fn received(&self, place: usize) -> io::Result<Option<&[u8]>> {
        match self.results[place] {
            octets @ 0.. => {
                let start = place * STRIDE;
                Ok(Some(&self.inbox[start..start + (octets as usize).min(DATAGRAM_MAX)]))
            }
            error => match io::Error::from_raw_os_error(-error) {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Keeps a copy of a packet until [`Ring::send`]; whether there was room for it.
    pub(crate) fn hold(&mut self, socket: RawFd, packet: &[u8]) -> bool {
        let end = self.outbox_used + packet.len();
        if self.held_count == BATCH_MAX || end > OUTBOX_OCTETS {
            return false;
        }
        self.outbox[self.outbox_used..end].copy_from_slice(packet);
        self.packets[self.held_count] =
            Held { socket, start: self.outbox_used as u32, octets: packet.len() as u32 };
        self.held_count += 1;
        self.outbox_used = end.next_multiple_of(PACKET_ALIGNMENT).min(OUTBOX_OCTETS);
        true
    }

    /// How many packets wait to be sent.
    pub(crate) const fn held(&self) -> usize {
        self.held_count
    }

    /// Sends what is held, to whom the sockets are connected; how many packets the system did not take.
    ///
    /// # Errors
    /// [`Lost`]; what was held stays held.
    pub(crate) fn send(&mut self) -> Result<u64, Lost> {
        let count = self.held_count;
        let outbox = self.outbox.as_ptr();
        for place in 0..count {
            let Held { socket, start, octets } = self.packets[place];
            let send = opcode::Send::new(Fd(socket), outbox.wrapping_add(start as usize), octets);
            self.push(&send.flags(libc::MSG_DONTWAIT).build().user_data(place as u64))?;
        }
        self.carry_out()?;
        (self.held_count, self.outbox_used) = (0, 0);
        Ok(self.results[..count].iter().filter(|&&result| result < 0).count() as u64)
    }

    fn push(&mut self, entry: &squeue::Entry) -> Result<(), Lost> {
        // SAFETY: the buffer of the entry lies within `inbox` or `outbox`, which are touched by nobody else until its
        // completion was read by `carry_out`, and are never freed where it was not.
        #[expect(unsafe_code, reason = "io_uring is told addresses of buffers")]
        let pushed = unsafe { self.ring.submission().push(entry) };
        // There is always room: as many entries as operations in a batch, and none are left of an earlier one.
        pushed.map_err(|_| Lost)?;
        self.in_flight += 1;
        Ok(())
    }

    /// Has the kernel carry out what was pushed, and reads every completion.
    fn carry_out(&mut self) -> Result<(), Lost> {
        if self.in_flight == 0 {
            return Ok(());
        }
        if self.ring.submit().is_ok() {
            self.complete();
        }
        for _ in 0..ANSWER_TRIES {
            if self.in_flight == 0 {
                return Ok(());
            }
            let wait = Timespec::from(ANSWER_WAIT);
            // An error says that the time is up, a signal came or memory is short: the completions tell.
            let _ = self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&wait));
            self.complete();
        }
        if self.in_flight == 0 { Ok(()) } else { Err(Lost) }
    }

    fn complete(&mut self) {
        for completion in self.ring.completion() {
            if let Some(result) = self.results.get_mut(completion.user_data() as usize) {
                *result = completion.result();
            }
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.in_flight > 0 {
            // The kernel may still use the buffers. It is a few pages, once in the life of a thread.
            return;
        }
        // SAFETY: each is dropped here and nowhere else, and `self` is not used any more.
        #[expect(unsafe_code, reason = "the order of dropping depends on what the kernel has answered")]
        unsafe {
            ManuallyDrop::drop(&mut self.ring);
            ManuallyDrop::drop(&mut self.inbox);
            ManuallyDrop::drop(&mut self.outbox);
        }
    }
}
