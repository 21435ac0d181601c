//! A conference as simple as can be: every 20 ms, everybody of a room but oneself, added up.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callbench::Codec;
use partyline_codec::{Decoder, Encoder};
use partyline_rtp::{EventReceiver, Header, JitterBuffer, Packet, Reception, RtpTime, SeqNo, Ssrc};
use tokio::net::UdpSocket;

use super::Habits;

const FRAME: usize = 160;

/// The conference; its task ends with the test's runtime.
pub(super) struct Conference {
    members: Arc<Mutex<Vec<Member>>>,
}

struct Member {
    rtp: UdpSocket,
    remote: Option<SocketAddr>,
    keyed: String,
    room: Option<String>,
    events: EventReceiver,
    reception: Reception,
    buffer: JitterBuffer,
    sequence: u16,
}

impl Conference {
    pub(super) fn start(habits: Habits) -> Self {
        let members = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(run(Arc::clone(&members), habits));
        Self { members }
    }

    pub(super) fn take(&self, rtp: UdpSocket) {
        self.members.lock().unwrap().push(Member {
            rtp,
            remote: None,
            keyed: String::new(),
            room: None,
            events: EventReceiver::new(),
            reception: Reception::new(8000),
            buffer: JitterBuffer::new(0xFF),
            sequence: 0,
        });
    }
}

async fn run(members: Arc<Mutex<Vec<Member>>>, habits: Habits) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        tick.tick().await;
        let mut members = members.lock().unwrap();
        let heard: Vec<[i16; FRAME]> = members.iter_mut().map(|member| member.receive(&habits)).collect();
        for index in 0..members.len() {
            let mix = mix_for(index, &members, &heard, &habits);
            members[index].send(&mix, &habits);
        }
    }
}

fn mix_for(listener: usize, members: &[Member], heard: &[[i16; FRAME]], habits: &Habits) -> [i16; FRAME] {
    let mut mix = [0i16; FRAME];
    if members[listener].room.is_none() {
        return mix;
    }
    let mut talkers_of_the_room = 0;
    for (index, (member, sound)) in members.iter().zip(heard).enumerate() {
        let is_same = member.room == members[listener].room;
        let talks = sound.iter().any(|sample| sample.abs() > 100);
        talkers_of_the_room += usize::from(is_same && talks);
        let is_forgotten = habits.forgets_a_talker && talkers_of_the_room == 2 && talks;
        let is_in = member.room.is_some() && (is_same || habits.mixes_rooms_up);
        if index != listener && is_in && !is_forgotten {
            mix.iter_mut().zip(sound).for_each(|(mix, &sample)| *mix = mix.saturating_add(sample));
        }
    }
    mix
}

impl Member {
    fn receive(&mut self, habits: &Habits) -> [i16; FRAME] {
        let now = std::time::Instant::now();
        let mut datagram = [0; 2_048];
        while let Ok((octets, source)) = self.rtp.try_recv_from(&mut datagram) {
            self.remote = Some(source);
            let packet = Packet::parse(&datagram[..octets]).unwrap();
            let arrival = self.reception.accept(now, &packet);
            if packet.payload_type != 0 {
                self.keyed.extend(self.events.handle(packet.timestamp, packet.payload));
            } else {
                self.buffer.insert(now, arrival, packet.timestamp, packet.payload);
            }
        }
        if let Some(code) = self.keyed.strip_suffix('#') {
            self.room = Some(if habits.mixes_rooms_up { "all".to_owned() } else { code.to_owned() });
        }
        let (mut payload, mut samples) = ([0; 2 * FRAME], [0; FRAME]);
        // Delay of no use is cut away.
        let surplus = self.buffer.wish().ticks.min(0).unsigned_abs().min(FRAME as u32) as usize;
        let cut = if self.buffer.has(FRAME + surplus) { surplus } else { 0 };
        self.buffer.pull(now, &mut payload[..FRAME + cut]);
        self.buffer.unheard(cut as i32);
        Decoder::new(Codec::Pcmu).decode(&payload[cut..FRAME + cut], &mut samples);
        samples
    }

    fn send(&mut self, mix: &[i16; FRAME], habits: &Habits) {
        let Some(remote) = self.remote else {
            return;
        };
        self.sequence += 1;
        if habits.drops_every.is_some_and(|every| self.sequence.is_multiple_of(every)) {
            return;
        }
        let mut payload = [0; FRAME];
        Encoder::new(Codec::Pcmu).encode(mix, &mut payload);
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence: SeqNo(self.sequence),
            timestamp: RtpTime(u32::from(self.sequence) * 160),
            ssrc: Ssrc(5),
        };
        let mut datagram = [0; 200];
        let octets = header.write(&payload, &mut datagram).unwrap();
        let _ = self.rtp.try_send_to(&datagram[..octets], remote);
    }
}
