//! The wall clock. Nothing compares it with other machines'; it only dates what people read.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Finding, Verdict};

/// 2026-01-01: no clock of a machine that runs this program is honestly earlier.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);
/// Set by systemd-timesyncd once the clock was set from the network.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

pub(super) fn findings(now: SystemTime) -> Option<Finding> {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    if since < EARLIEST {
        return Some(Finding {
            verdict: Verdict::Doubtful,
            what: "this machine's clock is in the past, before 2026; messages and tables will show wrong times, \
                   but finding each other and delivering works without clocks"
                .into(),
            advice: "set the clock, for example with `timedatectl set-ntp true`".into(),
        });
    }
    Path::new(SYNCHRONISED).exists().then(|| Finding {
        verdict: Verdict::Good,
        what: "this machine's clock was set from the network".into(),
        advice: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_1970_is_noticed() {
        assert_eq!(findings(UNIX_EPOCH).map(|finding| finding.verdict), Some(Verdict::Doubtful));
        let plausible = UNIX_EPOCH + EARLIEST;
        assert!(findings(plausible).is_none_or(|finding| finding.verdict == Verdict::Good));
    }
}
