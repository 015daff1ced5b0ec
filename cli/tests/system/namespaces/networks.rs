//! The networks of these tests are what they claim to be: everything else here stands on it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use crate::support::{Capture, Host, Lan, World, eventually};

const REACHED: Duration = Duration::from_secs(5);
const NOT_REACHED: Duration = Duration::from_millis(700);

fn listen(host: &Host, address: &str) -> TcpListener {
    host.within(|| TcpListener::bind(address).unwrap())
}

fn dial(host: &Host, address: &str, limit: Duration) -> io::Result<TcpStream> {
    let address: SocketAddr = address.parse().unwrap();
    host.within(|| TcpStream::connect_timeout(&address, limit))
}

struct HomeAndCloud {
    _world: World,
    home: Host,
    router: Host,
    cloud: Host,
    _lans: [Lan; 2],
}

fn home_and_cloud(test: &str) -> Option<HomeAndCloud> {
    let world = World::new(test)?;
    let lans = [world.lan("home"), world.lan("net")];
    let (home, router, cloud) = (world.host("home"), world.host("router"), world.host("cloud"));
    home.plug("eth0", &lans[0], &["10.1.0.2/24"]);
    router.plug("in", &lans[0], &["10.1.0.1/24"]);
    router.plug("out", &lans[1], &["198.51.100.1/24"]);
    cloud.plug("eth0", &lans[1], &["198.51.100.9/24"]);
    home.default_route("10.1.0.1");
    // Without NAT in the way the cloud would find the home: only the rules keep it out.
    cloud.default_route("198.51.100.1");
    Some(HomeAndCloud { _world: world, home, router, cloud, _lans: lans })
}

#[test]
fn a_home_behind_nat_reaches_out_and_is_not_reached() {
    let Some(net) = home_and_cloud("nat") else { return };
    net.router.become_router();
    let inside = listen(&net.home, "10.1.0.2:7000");
    dial(&net.cloud, "10.1.0.2:7000", REACHED).expect("without NAT it is reached");
    net.router.become_nat("out");
    dial(&net.cloud, "10.1.0.2:7000", NOT_REACHED).expect_err("behind NAT it is not");
    drop(inside);
    let outside = listen(&net.cloud, "198.51.100.9:7000");
    let _connection = dial(&net.home, "198.51.100.9:7000", REACHED).unwrap();
    let (_, seen) = outside.accept().unwrap();
    assert_eq!(seen.ip(), Ipv4Addr::new(198, 51, 100, 1), "it is seen as its router");
}

#[test]
fn a_cut_way_is_silent_until_it_heals_and_a_lossy_one_loses() {
    let Some(net) = home_and_cloud("cut") else { return };
    net.router.become_router();
    let _listener = listen(&net.cloud, "198.51.100.9:7000");
    net.router.cut();
    let error = dial(&net.home, "198.51.100.9:7000", NOT_REACHED).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    net.router.heal();
    dial(&net.home, "198.51.100.9:7000", REACHED).unwrap();
    net.router.lose(10);
    net.home.within(|| {
        let socket = UdpSocket::bind("10.1.0.2:0").unwrap();
        for _ in 0..1000 {
            socket.send_to(b"x", "198.51.100.9:9").unwrap();
        }
    });
    let lost = eventually("packets are lost", || Some(net.router.counted("loss")).filter(|lost| *lost > 40));
    assert!(lost < 200, "about a tenth of 1000, not {lost}");
}

#[test]
fn multicast_stays_within_its_lan() {
    let Some(net) = home_and_cloud("multicast") else { return };
    net.router.become_router();
    let group = Ipv4Addr::new(239, 255, 1, 2);
    let joined = |host: &Host, own: Ipv4Addr| {
        host.within(|| {
            let socket = UdpSocket::bind((group, 7001)).unwrap();
            socket.join_multicast_v4(&group, &own).unwrap();
            socket.set_read_timeout(Some(NOT_REACHED)).unwrap();
            socket
        })
    };
    let near = joined(&net.router, Ipv4Addr::new(10, 1, 0, 1));
    let far = joined(&net.cloud, Ipv4Addr::new(198, 51, 100, 9));
    let tap = Capture::of(&net.router);
    net.home.within(|| UdpSocket::bind("10.1.0.2:0").unwrap().send_to(b"hello, lan", (group, 7001)).unwrap());
    let mut buffer = [0; 16];
    near.recv_from(&mut buffer).expect("the LAN hears it");
    far.recv_from(&mut buffer).expect_err("the other LAN does not");
    eventually("the tap has it", || (tap.holding(b"hello, lan") > 0).then_some(()));
    assert_eq!(tap.holding(b"goodbye, lan"), 0);
    assert!(tap.bytes() > 10);
}

#[test]
fn a_pulled_cable_and_a_changed_address_count_at_once() {
    let Some(world) = World::new("address") else { return };
    let lan = world.lan("lan");
    let (one, two) = (world.host("one"), world.host("two"));
    one.plug("eth0", &lan, &["10.1.0.1/24", "fd00::1/64"]);
    let cable = two.plug("eth0", &lan, &["10.1.0.2/24", "fd00::2/64"]);
    let _first = listen(&two, "[::]:7000");
    dial(&one, "10.1.0.2:7000", REACHED).unwrap();
    dial(&one, "[fd00::2]:7000", REACHED).unwrap();
    cable.pull();
    dial(&one, "10.1.0.2:7000", NOT_REACHED).unwrap_err();
    cable.plug_in();
    two.change_address("eth0", "10.1.0.2/24", "10.1.0.3/24");
    dial(&one, "10.1.0.3:7000", REACHED).unwrap();
    dial(&one, "10.1.0.2:7000", NOT_REACHED).unwrap_err();
}
