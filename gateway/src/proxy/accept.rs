//! The proxy port: who may come in at all.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use proto::bridge::v1::Refusal;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tracing::{Span, debug};

use super::{Core, alert, caller, dial};

/// After a failed accept: the system has no file descriptors left, and trying at once would spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// Accepts connections until the group ends.
pub(super) async fn run(core: Arc<Core>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = core.group.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => receive(&core, stream, address),
            Err(error) => {
                debug!(%error, "cannot accept on the proxy port");
                core.half_open.shed_oldest();
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn receive(core: &Arc<Core>, stream: TcpStream, address: SocketAddr) {
    let ip = address.ip().to_canonical();
    let Some(source) = core.directory.caller(ip) else {
        return refuse(core, stream, Refusal::NotRegistered);
    };
    let Some(place) = core.by_address.acquire(ip) else {
        return refuse(core, stream, Refusal::Limit);
    };
    dial::prepare(&stream);
    let ticket = core.half_open.enter(ip);
    let task = caller::serve(Arc::clone(core), stream, source, (ticket, place));
    core.group.spawn(Span::none(), core.open.track_future(task));
}

/// Before anything was read. An empty socket buffer takes seven bytes at once; whoever does not get them sees the
/// close, and asks the control port either way.
fn refuse(core: &Core, stream: TcpStream, refusal: Refusal) {
    core.metrics.refused(refusal);
    // The close that follows is the message if the alert does not fit.
    let _ = stream.try_write(&alert::of(refusal));
}
