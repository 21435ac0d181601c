//! Attend streams: in order while they last, and they break at any message. A broken one may have delivered.

use std::time::Duration;

use partyline_conference::Generation;

use crate::event::{CallIndex, Down, Event, ServerIndex, StreamIndex, Up};
use crate::parts::Stream;
use crate::world::World;

impl World {
    /// Opens a stream at a random interface server, and says hello.
    pub(crate) fn open_stream(&mut self, call: CallIndex, generation: Generation, hello: Up) -> StreamIndex {
        let server = self.chance.index(self.servers.len());
        let stream = self.new_stream(call, server, generation, false);
        self.send_up(stream, hello.clone());
        if self.is_stormy() && self.chance.percent(8) {
            // A proxy that tried another server: its stream leads nowhere, but the hello is heard.
            let server = self.chance.index(self.servers.len());
            let astray = self.new_stream(call, server, generation, true);
            let at = self.now + self.delay();
            self.queue.at(at, Event::Up(astray, hello));
        }
        stream
    }

    fn new_stream(
        &mut self,
        call: CallIndex,
        server: ServerIndex,
        generation: Generation,
        is_cut: bool,
    ) -> StreamIndex {
        self.streams.push(Stream {
            call,
            server,
            generation,
            life: None,
            told: None,
            is_cut,
            up_free_at: self.now,
            down_free_at: self.now,
        });
        self.streams.len() - 1
    }

    pub(crate) fn send_up(&mut self, stream: StreamIndex, up: Up) {
        if !self.survives(stream) {
            return;
        }
        let at = self.streams[stream].up_free_at.max(self.now + self.delay());
        self.streams[stream].up_free_at = at;
        self.queue.at(at, Event::Up(stream, up));
    }

    pub(crate) fn send_down(&mut self, stream: StreamIndex, down: Down) {
        if !self.survives(stream) {
            return;
        }
        let at = self.streams[stream].down_free_at.max(self.now + self.delay());
        self.streams[stream].down_free_at = at;
        self.queue.at(at, Event::Down(stream, down));
    }

    /// The end of a stream; its VRU notices some time later. What is on its way still arrives.
    pub(crate) fn cut(&mut self, stream: StreamIndex) {
        if !std::mem::replace(&mut self.streams[stream].is_cut, true) {
            let at = self.now + self.chance.between_ms(1, 800);
            self.queue.at(at, Event::Broken(stream));
        }
    }

    /// The VRU lets a stream go by itself.
    pub(crate) fn drop_stream(&mut self, stream: StreamIndex) {
        self.streams[stream].is_cut = true;
    }

    fn survives(&mut self, stream: StreamIndex) -> bool {
        if !self.streams[stream].is_cut && self.is_stormy() && self.chance.percent(4) {
            self.cut(stream);
            // The message that broke it is lost, or was the last to get through.
            return self.chance.percent(50);
        }
        !self.streams[stream].is_cut
    }

    /// The network: mostly quick, sometimes very slow.
    pub(crate) fn delay(&mut self) -> Duration {
        if self.is_stormy() && self.chance.percent(5) {
            self.chance.between_ms(100, 3_000)
        } else {
            self.chance.between_ms(1, 15)
        }
    }
}
