//! What every gRPC server of a node begins with, and how its connections are served.

use std::{future::ready, io, time::Duration};

use futures_util::{StreamExt as _, stream};
use tonic::{service::Routes, transport::Server};

use super::{activity::Counted, connection::Connection, incoming::Incoming};
use crate::TaskGroup;

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

/// Serves connections until the group ends, each for as long as something is asked on it. Those that are open then end
/// once their calls have, at the latest after `closing`.
pub async fn serve(
    group: TaskGroup,
    server: Server,
    routes: Routes,
    mut incoming: Incoming,
    closing: Duration,
) {
    let routes = routes.prepare();
    loop {
        let connection = tokio::select! {
            biased;
            () = group.cancelled() => return,
            connection = incoming.next() => connection,
        };
        let Some(connection) = connection else { return };
        let calls = Counted::new(routes.clone());
        let served = serve_one(group.clone(), server.clone(), calls, (connection, incoming.idle));
        let token = group.token().clone();
        group.spawn(tracing::debug_span!("serving"), async move {
            let out_of_time = async {
                token.cancelled().await;
                tokio::time::sleep(closing).await;
            };
            tokio::select! {
                () = served => {}
                () = out_of_time => {}
            }
        });
    }
}

/// A server for this connection alone, so that it can be asked to end alone.
async fn serve_one(
    group: TaskGroup,
    server: Server,
    calls: Counted,
    (mut connection, idle): (Connection, Option<Duration>),
) {
    let (ended, activity) = (connection.ended(), calls.activity());
    let over = async {
        tokio::select! {
            () = ended.cancelled() => {}
            () = group.cancelled() => {}
            () = activity.idle_for(idle) => tracing::debug!("nothing was asked for too long"),
        }
    };
    // tonic ends with its stream of connections: this one never ends.
    let once = stream::once(ready(Ok::<_, io::Error>(connection))).chain(stream::pending());
    if let Err(error) = server.serve_with_incoming_shutdown(calls, once, over).await {
        tracing::debug!(%error, "a connection was not served");
    }
}
