//! A link to take down, as it is typed.

use std::str::FromStr;

use crate::instant::Instant;

/// A link that goes down at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DropLink {
    pub(crate) one: String,
    pub(crate) other: String,
    pub(crate) at: Instant,
}

impl FromStr for DropLink {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "a link and a time look like attic-rack@02:14, or attic/rack@02:14";
        let (link, at) = text.rsplit_once('@').ok_or(form)?;
        let (one, other) = link.split_once('/').or_else(|| link.split_once('-')).ok_or(form)?;
        if one.is_empty() || other.is_empty() {
            return Err(form.into());
        }
        Ok(Self { one: one.into(), other: other.into(), at: at.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_time_are_told_apart() {
        for (typed, one, other) in [
            ("attic-rack@2026-11-26T02:14:00Z", "attic", "rack"),
            ("my-attic/my-rack@2026-11-26T02:14:00Z", "my-attic", "my-rack"),
            ("a@home/rack@2026-11-26 02:14", "a@home", "rack"),
        ] {
            let drop: DropLink = typed.parse().unwrap();
            assert_eq!((drop.one.as_str(), drop.other.as_str()), (one, other), "{typed}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for typed in
            ["", "attic", "attic-rack", "attic@02:14", "-rack@02:14", "attic-@02:14", "attic-rack@soon"]
        {
            assert!(typed.parse::<DropLink>().is_err(), "{typed}");
        }
    }
}
