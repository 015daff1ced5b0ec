//! What every gRPC server of a node begins with.

use std::time::Duration;

use tonic::transport::Server;

/// A connection on which nothing was heard for so long is asked whether it lives: a caller that vanished without a word
/// is noticed.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How long it has to answer.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A generated service that takes compressed messages and answers with them, as far as its caller does, too. The crate
/// that uses it depends on tonic.
#[macro_export]
macro_rules! compressed {
    ($service:expr) => {
        $service
            .accept_compressed(::tonic::codec::CompressionEncoding::Zstd)
            .accept_compressed(::tonic::codec::CompressionEncoding::Gzip)
            .send_compressed(::tonic::codec::CompressionEncoding::Zstd)
            .send_compressed(::tonic::codec::CompressionEncoding::Gzip)
    };
}

/// A server that lets go of callers who vanished.
pub fn server() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
}
