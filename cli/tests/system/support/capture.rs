//! Every packet that a host sends or receives, as a tap on its cables would see it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with, sockopt},
};

use super::Host;

/// All protocols, as packet(7) wants it: in network order.
const ALL_PROTOCOLS: u16 = 0x0003_u16.to_be();
/// The kernel's buffer for packets that this thread has not read yet.
const KERNEL_BUFFER: usize = 64 << 20;
/// The largest packet with every offload.
const PACKET: usize = 70_000;

/// A running capture.
#[derive(Debug)]
pub(crate) struct Capture {
    packets: Arc<Mutex<Vec<Vec<u8>>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Listens on all interfaces of a host from now on.
    pub(crate) fn of(host: &Host) -> Self {
        let (packets, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let socket = host.within(|| {
            let protocol = rustix::net::RawProtocol::new(u32::from(ALL_PROTOCOLS)).map(Protocol::from_raw);
            socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
                .expect("root may read packets")
        });
        sockopt::set_socket_recv_buffer_size_force(&socket, KERNEL_BUFFER)
            .expect("root may have large buffers");
        let (into, stop) = (Arc::clone(&packets), Arc::clone(&over));
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; PACKET];
            let pause = Timespec::try_from(Duration::from_millis(50)).expect("it is short");
            while !stop.load(Ordering::Acquire) {
                let mut ready = [PollFd::new(&socket, PollFlags::IN)];
                if poll(&mut ready, Some(&pause)).unwrap_or(0) == 0 {
                    continue;
                }
                if let Ok((length, _)) = recv(&socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                    into.lock().unwrap_or_else(PoisonError::into_inner).push(buffer[..length].to_vec());
                }
            }
        });
        Self { packets, over, thread: Some(thread) }
    }

    /// How many of the packets so far hold these bytes.
    pub(crate) fn holding(&self, wanted: &[u8]) -> usize {
        let packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
        packets.iter().filter(|packet| packet.windows(wanted.len()).any(|window| window == wanted)).count()
    }

    /// How many bytes passed so far.
    pub(crate) fn bytes(&self) -> usize {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Vec::len).sum()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
