//! The callers of the floor: each sends a packet in its slot of the 20 ms and reads what came, as callers of a load do.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use partyline_udp::{MediaClock, raise_this_thread};

use super::{CallersReport, FRAME, PACKET_OCTETS, read_ports};

/// As the callers of a load have them.
const SLOTS: usize = 20;
/// A tick that is later than this is late: a quarter of a packet.
const LATE: Duration = Duration::from_millis(5);

/// Calls each port that is read from the input, until that ends; then tells how punctual it was.
///
/// # Errors
/// Where a port can't be called or the input is no list of ports.
pub fn call(local: IpAddr) -> anyhow::Result<()> {
    let input = std::io::stdin();
    let sockets = read_ports(input.lock())?
        .into_iter()
        .map(|port| {
            let socket = UdpSocket::bind((local, 0))?;
            socket.connect((local, port))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .collect::<std::io::Result<Vec<_>>>()
        .context("no socket for a caller")?;
    let is_over = AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        let talking = scope.spawn(|| talk(&sockets, &is_over));
        // The end of the input is the end of the calls.
        let _ = input.lock().read_to_end(&mut Vec::new());
        is_over.store(true, Ordering::Relaxed);
        talking.join()
    });
    let report = report.map_err(|_| anyhow::anyhow!("the callers broke off"))?;
    let told = serde_json::to_string(&report)?;
    std::io::stdout().write_all(told.as_bytes())?;
    Ok(())
}

fn talk(sockets: &[UdpSocket], is_over: &AtomicBool) -> CallersReport {
    // Where it is not allowed the run shows in its lateness.
    let _ = raise_this_thread(1);
    let mut report = CallersReport { ticks: 0, late: 0, latest_us: 0 };
    let mut packet = [0x55; PACKET_OCTETS];
    // RTP of version 2 with µ-law in it.
    packet[..2].copy_from_slice(&[0x80, 0]);
    let mut buffer = [0; 2_048];
    let clock = MediaClock::new();
    let mut deadline = clock.now();
    let mut sequence = 0_u16;
    while !is_over.load(Ordering::Relaxed) {
        sequence = sequence.wrapping_add(1);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        for slot in 0..SLOTS {
            deadline += FRAME / SLOTS as u32;
            clock.sleep_until(deadline);
            let behind = clock.now().saturating_duration_since(deadline);
            report.ticks += 1;
            report.late += u64::from(behind > LATE);
            report.latest_us = report.latest_us.max(behind.as_micros() as u64);
            let due = slot * sockets.len() / SLOTS..(slot + 1) * sockets.len() / SLOTS;
            for socket in &sockets[due] {
                while socket.recv(&mut buffer).is_ok() {}
                // Whoever ends first is sent to for a moment more.
                let _ = socket.send(&packet);
            }
        }
    }
    report
}
