//! Clients of the services, with the limits that both ends agree on.

use tonic::transport::Channel;

use crate::generated::conferencing::conferencing_client::ConferencingClient;
use crate::generated::conferencing::leases_client::LeasesClient;
use crate::generated::linetest::line_test_client::LineTestClient;
use crate::generated::mixing::mixing_client::MixingClient;
use crate::limits::MESSAGE_BYTES_MAX;

/// A client of the conferencing service, mostly through a proxy.
#[must_use]
pub fn conferencing(channel: Channel) -> ConferencingClient<Channel> {
    ConferencingClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// A client that renews leases, mostly through a proxy.
#[must_use]
pub fn leases(channel: Channel) -> LeasesClient<Channel> {
    LeasesClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// A client of the line test, mostly through a proxy.
#[must_use]
pub fn line_test(channel: Channel) -> LineTestClient<Channel> {
    LineTestClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// A client of a mixer, at the mixer's own address.
#[must_use]
pub fn mixing(channel: Channel) -> MixingClient<Channel> {
    MixingClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}
