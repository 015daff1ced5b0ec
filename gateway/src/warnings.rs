//! What needs a person: sentences with the time of their last occurrence, bounded.

use std::{collections::VecDeque, time::Duration};

use crate::limits::{MAX_WARNINGS, WARNING_MEMORY};

/// The warnings of a bridge. Time is an argument.
#[derive(Debug, Default)]
pub(crate) struct Warnings(VecDeque<(String, Duration)>);

impl Warnings {
    /// Adds a warning, or renews it. True when it is new and worth a line in the log.
    pub(crate) fn add(&mut self, sentence: String, now: Duration) -> bool {
        let known = self.0.iter().position(|(other, _)| *other == sentence);
        if let Some(at) = known {
            self.0.remove(at);
        }
        self.0.push_back((sentence, now));
        if self.0.len() > MAX_WARNINGS {
            self.0.pop_front();
        }
        known.is_none()
    }

    /// Those heard of lately.
    pub(crate) fn current(&self, now: Duration) -> impl Iterator<Item = &str> {
        let fresh = move |at: Duration| now.saturating_sub(at) <= WARNING_MEMORY;
        self.0.iter().filter(move |(_, at)| fresh(*at)).map(|(sentence, _)| sentence.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_told_once_renewed_bounded_and_forgotten() {
        let mut warnings = Warnings::default();
        assert!(warnings.add("disk".into(), Duration::ZERO));
        assert!(!warnings.add("disk".into(), Duration::from_secs(1)));
        for n in 0..MAX_WARNINGS - 1 {
            warnings.add(n.to_string(), Duration::from_secs(2));
        }
        assert_eq!(warnings.current(Duration::from_secs(3)).count(), MAX_WARNINGS);
        assert_eq!(warnings.current(WARNING_MEMORY + Duration::from_secs(2)).count(), MAX_WARNINGS - 1);
        warnings.add("more".into(), Duration::from_secs(3));
        assert!(!warnings.current(Duration::from_secs(3)).any(|sentence| sentence == "disk"));
    }
}
