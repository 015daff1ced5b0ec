//! A way from this machine, where the browser is, to what a host of a world can reach.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use super::Host;

/// Opens a port of this machine whose connections go on to `target` from that host. Gives the port. It is there as long as
/// the test program.
pub(crate) fn passage(host: &Host, target: SocketAddr) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
    let port = listener.local_addr().expect("it is bound").port();
    let host = host.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Where nobody listens there, the connection ends here.
            let Ok(onward) = host.within(|| TcpStream::connect(target)) else { continue };
            let _ = join(&stream, &onward);
        }
    });
    port
}

/// Passes on what comes, in both directions.
fn join(one: &TcpStream, other: &TcpStream) -> io::Result<()> {
    for (from, to) in [(one, other), (other, one)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}
