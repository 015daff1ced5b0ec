//! A path between two bridges that can be cut: datagrams pass through it, or vanish.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::net::UdpSocket;

use super::calls::spawn;

pub(crate) struct Forwarder {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Forwarder {
    /// Passes datagrams of one dialler on to `to`, and the answers back.
    pub(crate) async fn to(to: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = front.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let (mut there, mut here) = (vec![0; 65_536], vec![0; 65_536]);
        let cut_now = Arc::clone(&cut);
        spawn(async move {
            let mut dialler = None;
            loop {
                tokio::select! {
                    Ok((length, from)) = front.recv_from(&mut there) => {
                        dialler = Some(from);
                        if !cut_now.load(Ordering::Relaxed) {
                            let _ = back.send_to(&there[..length], to).await;
                        }
                    }
                    Ok((length, _)) = back.recv_from(&mut here) => {
                        if let (Some(dialler), false) = (dialler, cut_now.load(Ordering::Relaxed)) {
                            let _ = front.send_to(&here[..length], dialler).await;
                        }
                    }
                }
            }
        });
        Self { address, cut }
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }
}
