//! Random stories of one socket: whatever happens to it, nothing is lost, doubled or overtaken.

use proptest::prelude::*;

use super::*;

/// The longest story: a socket queues some 250 datagrams.
const STEPS_MAX: usize = 60;

#[derive(Debug, Clone, Copy)]
enum Step {
    /// The caller sends so many.
    Calls(u8),
    /// So many are sent to the caller.
    Answers(u8),
    /// A round, that drains or not.
    Round(bool),
    Flush,
    Connect,
    Disconnect,
    /// The pair goes to the other backend.
    Move,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1_u8..4).prop_map(Step::Calls),
        3 => (1_u8..80).prop_map(Step::Answers),
        4 => any::<bool>().prop_map(Step::Round),
        2 => Just(Step::Flush),
        2 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        2 => Just(Step::Move),
    ]
}

/// A caller and the two backends that a pair goes to and fro between. Both number their datagrams.
struct Story<A, B> {
    backends: (A, B),
    key: SocketKey,
    is_in_first: bool,
    caller: UdpSocket,
    called: u16,
    heard: Vec<u16>,
    answered: u16,
    got: Vec<u16>,
}

/// Does something with whichever backend has the pair.
macro_rules! with_backend {
    ($story:ident, $io:ident => $act:expr) => {
        if $story.is_in_first {
            let $io = &mut $story.backends.0;
            $act
        } else {
            let $io = &mut $story.backends.1;
            $act
        }
    };
}

impl<A: Backend, B: Backend> Story<A, B> {
    fn new() -> Self {
        let pair = PortPairs::new(20_000, 59_999).unwrap().open(LOCAL).unwrap();
        let caller = caller(pair.port());
        caller.set_nonblocking(true).unwrap();
        let mut backends = (A::fresh(), B::fresh());
        let key = backends.0.add(pair);
        let (heard, got) = (Vec::new(), Vec::new());
        Self { backends, key, is_in_first: true, caller, called: 0, heard, answered: 0, got }
    }

    fn take(&mut self, step: Step) {
        let (key, far) = (self.key, self.caller.local_addr().unwrap());
        match step {
            Step::Calls(count) => {
                for _ in 0..count {
                    assert_eq!(self.caller.send(&self.called.to_be_bytes()).unwrap(), 2);
                    self.called += 1;
                }
            }
            Step::Answers(count) => {
                for _ in 0..count {
                    let packet = self.answered.to_be_bytes();
                    with_backend!(self, io => io.send(key, Some(far), &packet));
                    self.answered += 1;
                }
            }
            Step::Round(drains) => {
                let heard = &mut self.heard;
                let mut take = |_, source, bytes: &[u8]| {
                    assert_eq!(source, far);
                    heard.push(u16::from_be_bytes(bytes.try_into().unwrap()));
                };
                with_backend!(self, io => io.receive(&[key], drains, &mut take));
            }
            Step::Flush => with_backend!(self, io => io.flush()),
            Step::Connect => with_backend!(self, io => io.connect(key, far)).unwrap(),
            Step::Disconnect => with_backend!(self, io => io.disconnect(key)),
            Step::Move => {
                let pair = with_backend!(self, io => io.remove(key)).unwrap();
                self.is_in_first = !self.is_in_first;
                self.key = with_backend!(self, io => io.add(pair));
            }
        }
        self.read_caller();
    }

    fn read_caller(&mut self) {
        let mut buffer = [0; 64];
        while let Ok(octets) = self.caller.recv(&mut buffer) {
            self.got.push(u16::from_be_bytes(buffer[..octets].try_into().unwrap()));
        }
    }

    /// Takes all steps and waits for what is on its way.
    fn tell(steps: &[Step]) {
        let mut story = Self::new();
        steps.iter().for_each(|&step| story.take(step));
        let start = Instant::now();
        while (story.heard.len() < usize::from(story.called) || story.got.len() < usize::from(story.answered))
            && start.elapsed() < Duration::from_secs(10)
        {
            story.take(Step::Round(true));
            story.take(Step::Flush);
        }
        assert_eq!(story.heard, (0..story.called).collect::<Vec<_>>());
        assert_eq!(story.got, (0..story.answered).collect::<Vec<_>>());
        for counts in [story.backends.0.counts(), story.backends.1.counts()] {
            assert_eq!(counts, crate::IoCounts::default());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_doubled_or_overtaken(steps in prop::collection::vec(step(), 1..STEPS_MAX)) {
        Story::<PlainIo, PlainIo>::tell(&steps);
        if has_ring() {
            Story::<RingIo, RingIo>::tell(&steps);
            Story::<RingIo, PlainIo>::tell(&steps);
        }
    }
}
