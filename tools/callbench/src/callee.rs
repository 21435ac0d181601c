//! Callees: what a bench does with calls that come in, one after the other.

use std::net::UdpSocket;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use crate::bench::{Bench, capabilities};
use crate::caller::Caller;
use crate::error::BenchError;
use crate::leg::LegKey;
use crate::plan::{CallPlan, Reception};
use crate::progress::Progress;
use crate::signalling::{Command, Expected};

impl Bench {
    /// Takes the next call that comes in and that nobody else is waiting for, as a telephone of this plan.
    ///
    /// # Errors
    /// [`BenchError`] where no socket is left.
    pub fn expect(&self, plan: CallPlan, reception: Reception) -> Result<Caller, BenchError> {
        let socket = UdpSocket::bind((self.config.local, 0))?;
        socket.set_nonblocking(true)?;
        let key = LegKey(self.next_leg.fetch_add(1, Ordering::Relaxed));
        let capabilities = capabilities(&plan, self.config.local, socket.local_addr()?.port());
        self.open_leg(key, socket, &plan)?;
        let (progress, watched) = watch::channel(Progress::Calling);
        let expected = Expected { leg: key, progress, capabilities, reception };
        let command = Command::Expect(Box::new(expected));
        self.commands.try_send(command).map_err(|_| BenchError::Unresponsive)?;
        Ok(Caller::new(
            plan.from_user,
            key,
            self.config.patience,
            watched,
            self.commands.clone(),
            self.media.clone(),
        ))
    }
}
