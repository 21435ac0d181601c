//! How messages become octets: protobuf, with buffers of the size that ours are.
//!
//! Each caller has a stream of its own all through the call, and each stream four buffers: at the 8 KiB that tonic gives
//! a buffer, a caller would cost 32 KiB for messages of a hundred octets.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// What a buffer begins with, in octets: more than nearly all messages. It grows for longer ones.
const BUFFER_OCTETS: usize = 512;
/// So much is gathered of a stream that has more before it is given on.
const YIELD_OCTETS: usize = 32 * 1024;

/// Protobuf with small buffers.
#[derive(Debug, Clone)]
pub(crate) struct LeanCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for LeanCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for LeanCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::new(BUFFER_OCTETS, YIELD_OCTETS))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(BufferSettings::new(BUFFER_OCTETS, YIELD_OCTETS))
    }
}
