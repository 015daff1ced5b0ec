//! quinn's transport settings, each with its reason.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use quinn::{AckFrequencyConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt, congestion};

use super::MAX_UDP_PAYLOAD;

/// Credit of one stream: 1 Gbit/s over a round trip of 100 ms. quinn's own 1.25 MB is made for a tenth of that.
const STREAM_WINDOW: u32 = 12_500_000;

/// Credit of the gossip's connection: twice what the gossip's own credit lets under way.
pub(crate) const GOSSIP_WINDOW: u32 = 1024 * 1024;

/// A connection that heard nothing for so long is dead. With [`KEEP_ALIVE`] it takes five lost answers in a row.
pub(crate) const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// A silent connection says something this often: a death shows within [`IDLE_LIMIT`], and a NAT keeps its mapping.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Credit of a connection whose other side has not introduced itself: a hello fits eight times.
const STRANGER_WINDOW: u32 = 64 * 1024;

/// Bytes sent and not acknowledged on one connection: those of a stream at full speed, and a third more so that a
/// second one does not wait for the first one's acknowledgements.
pub(crate) const SEND_WINDOW: u64 = 16_777_216;

/// Packets after which an acknowledgement is due. quinn's own rule is two; ten saves a share of the acknowledgements'
/// cost at full speed (measured: 0 to 20 % more throughput), forty gained nothing more.
const ACK_THRESHOLD: u32 = 10;

/// The first congestion window: 32 full packets of 1452. quinn's own ten take two round trips more to fill a path.
const INITIAL_WINDOW: u64 = 46_464;

/// How fast to send on a path that loses packets.
///
/// CUBIC by default: on loopback it is as fast as New Reno, and quinn's BBR was erratic (114 to 790 MiB/s). Yet a
/// wireless LAN was reported where BBR was thirty times as fast as CUBIC, so the choice is the operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Congestion {
    /// RFC 9438.
    #[default]
    Cubic,
    /// quinn's BBR, which it calls experimental.
    Bbr,
    /// RFC 9002.
    NewReno,
}

/// What was given is no congestion control.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a congestion control; choose cubic, bbr or newreno")]
pub struct UnknownCongestion(String);

impl FromStr for Congestion {
    type Err = UnknownCongestion;

    fn from_str(text: &str) -> Result<Self, UnknownCongestion> {
        match text {
            "cubic" => Ok(Self::Cubic),
            "bbr" => Ok(Self::Bbr),
            "newreno" => Ok(Self::NewReno),
            _ => Err(UnknownCongestion(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Congestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cubic => "cubic",
            Self::Bbr => "bbr",
            Self::NewReno => "newreno",
        })
    }
}

/// The credit that all links together give for peers' streams, so that readers who do not read cannot take all memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    total: u64,
}

impl Windows {
    /// One link's best: eight streams of full credit.
    const MOST: u64 = 8 * STREAM_WINDOW as u64;
    /// Less than this and a link crawls.
    const LEAST: u64 = 256 * 1024;

    pub(crate) const fn new(total: u64) -> Self {
        Self { total }
    }

    /// The credit of one link's streams when so many links are up.
    pub(crate) fn share(self, links: usize) -> u32 {
        let share = self.total / (links.max(1) as u64);
        u32::try_from(share.clamp(Self::LEAST, Self::MOST)).expect("the most fits")
    }
}

/// The settings of every connection, whoever dialled. What a link may take more is given after its hello.
pub(super) fn config(congestion: Congestion) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        // The hello's stream. A connection for streams is given more once it is known to be one.
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        // Nothing of ours uses these: what is not there cannot be filled.
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW))
        .send_window(SEND_WINDOW)
        // Streams of one priority take turns: a bulk transfer does not starve a chat.
        .send_fairness(true)
        .max_idle_timeout(Some(IdleTimeout::try_from(IDLE_LIMIT).expect("five seconds fit")))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .mtu_discovery_config(Some(mtu_discovery()))
        .ack_frequency_config(Some(ack_frequency()))
        // One system call for up to ten packets: without it a fifth of the speed (measured).
        .enable_segmentation_offload(true)
        .congestion_controller_factory(controller(congestion));
    config
}

/// Probes upwards from the 1200 bytes that every path carries; `initial_mtu` and `min_mtu` stay as they are, for a
/// wrong one would cut the path without a sign.
fn mtu_discovery() -> MtuDiscoveryConfig {
    let mut config = MtuDiscoveryConfig::default();
    config.upper_bound(MAX_UDP_PAYLOAD);
    config
}

fn ack_frequency() -> AckFrequencyConfig {
    let mut config = AckFrequencyConfig::default();
    config.ack_eliciting_threshold(VarInt::from_u32(ACK_THRESHOLD));
    config
}

fn controller(congestion: Congestion) -> Arc<dyn congestion::ControllerFactory + Send + Sync> {
    match congestion {
        Congestion::Cubic => {
            let mut config = congestion::CubicConfig::default();
            config.initial_window(INITIAL_WINDOW);
            Arc::new(config)
        }
        Congestion::Bbr => Arc::new(congestion::BbrConfig::default()),
        Congestion::NewReno => {
            let mut config = congestion::NewRenoConfig::default();
            config.initial_window(INITIAL_WINDOW);
            Arc::new(config)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::DEFAULT_WINDOW_BYTES;

    #[test]
    fn the_windows_of_all_links_stay_within_the_total() {
        let windows = Windows::new(DEFAULT_WINDOW_BYTES);
        for links in [1, 2, 3, 20, 200, 1_000] {
            assert!(u64::from(windows.share(links)) * links as u64 <= DEFAULT_WINDOW_BYTES, "{links} links");
        }
        assert_eq!(u64::from(windows.share(1)), Windows::MOST);
    }

    /// Each was measured, and none of them shows when it is gone but in speed: GSO, large packets, few acknowledgements,
    /// streams that take turns.
    #[test]
    fn what_makes_links_fast_is_on() {
        for congestion in [Congestion::Cubic, Congestion::Bbr, Congestion::NewReno] {
            let config = format!("{:?}", config(congestion));
            for setting in [
                "enable_segmentation_offload: true",
                "upper_bound: 6400",
                "ack_eliciting_threshold: 10",
                "send_fairness: true",
                "stream_receive_window: 12500000",
                "send_window: 16777216",
            ] {
                assert!(config.contains(setting), "{setting} is not in {config}");
            }
        }
    }

    /// From about 6,550 on a batch of ten exceeds one UDP send: 65,507 bytes, and the connection hangs.
    #[test]
    fn ten_of_the_largest_packets_fit_into_one_send() {
        assert!(10 * u32::from(MAX_UDP_PAYLOAD) <= 65_507);
        assert_eq!(MAX_UDP_PAYLOAD, 6_400, "what was measured");
    }

    #[test]
    fn each_name_stands_for_its_congestion_control_and_cubic_for_none() {
        let built = |congestion| controller(congestion).build(std::time::Instant::now(), 1_200);
        assert_eq!(built(Congestion::default()).initial_window(), INITIAL_WINDOW);
        assert!(built(Congestion::default()).into_any().is::<congestion::Cubic>());
        assert_eq!(built(Congestion::NewReno).initial_window(), INITIAL_WINDOW);
        assert!(built(Congestion::NewReno).into_any().is::<congestion::NewReno>());
        assert!(built(Congestion::Bbr).into_any().is::<congestion::Bbr>());
    }

    #[test]
    fn names_of_congestion_controls_read_back() {
        for congestion in [Congestion::Cubic, Congestion::Bbr, Congestion::NewReno] {
            assert_eq!(congestion.to_string().parse(), Ok(congestion));
        }
        assert!("reno".parse::<Congestion>().unwrap_err().to_string().contains("cubic"));
    }
}
