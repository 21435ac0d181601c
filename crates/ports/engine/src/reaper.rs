//! Where closed legs end: closing sockets costs system calls, and freeing ports a lock that others hold. A media
//! thread waits for neither.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::slots::Traveller;

/// Most closed legs that wait. More stay where they are, and are tried again with their next frame.
const CLOSED_MAX: usize = 1_024;

/// The way to the reaper. It ends with the last of these.
pub(crate) type Reaper = SyncSender<Box<Traveller>>;

/// A reaper and the legs given to it.
pub(crate) fn channel() -> (Reaper, Receiver<Box<Traveller>>) {
    sync_channel(CLOSED_MAX)
}

/// Starts the thread that closes them.
pub(crate) fn start() -> io::Result<Reaper> {
    let (reaper, closed) = channel();
    std::thread::Builder::new().name("leg-reaper".to_owned()).spawn(move || closed.iter().for_each(drop))?;
    Ok(reaper)
}
