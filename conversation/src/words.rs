//! What is searched for: words that all have to be in a text, whatever their case.

/// The words of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// In lower case.
    words: Vec<String>,
    /// The longest part of any of them that has the same bytes in every case but for ASCII's: it can be looked for before
    /// anything is decoded.
    plain: Option<Needle>,
}

/// Bytes that are looked for, in lower case, by the rarest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Needle {
    bytes: Vec<u8>,
    /// Where the rarest one stands.
    place: usize,
}

/// What is in nearly every text, the most frequent first: letters of European languages, and what separates them.
const COMMON: &[u8] = b" etaoinsrhldcumfpgwybv.,";

/// Why there is nothing to search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSearch {
    /// No word in it.
    #[error("there is no word to search for")]
    Empty,
    /// Longer than any sentence.
    #[error("a search has at most {MAX_SEARCH_BYTES} bytes, this one has {0}")]
    TooLong(usize),
}

/// The longest search, bytes.
pub const MAX_SEARCH_BYTES: usize = 1_024;

impl Words {
    /// The words of a text, parted by white space.
    ///
    /// # Errors
    /// [`InvalidSearch`] when there are none, or too many.
    pub fn parse(text: &str) -> Result<Self, InvalidSearch> {
        if text.len() > MAX_SEARCH_BYTES {
            return Err(InvalidSearch::TooLong(text.len()));
        }
        let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return Err(InvalidSearch::Empty);
        }
        let plain = words
            .iter()
            .flat_map(|word| word.split(|letter| !is_plain(letter)))
            .max_by_key(|part| part.len());
        let plain = plain.and_then(|part| Needle::new(part.as_bytes()));
        Ok(Self { words, plain })
    }

    /// Whether all of them are in a text.
    pub fn are_in(&self, text: &str) -> bool {
        if self.words.iter().all(|word| word.is_ascii()) && text.is_ascii() {
            let needles = self.words.iter().filter_map(|word| Needle::new(word.as_bytes()));
            return needles.into_iter().all(|needle| needle.is_in(text.as_bytes()));
        }
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }

    /// Whether they may be in a text of which these bytes are the encoding, or hold it: false only if they are not.
    pub fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.plain.as_ref().is_none_or(|needle| needle.is_in(bytes))
    }
}

/// Whether only this letter, and its capital of ASCII, are this letter in lower case. The Kelvin sign is a `k` then, and a
/// capital `i` with a dot begins with an `i`.
const fn is_plain(letter: char) -> bool {
    letter.is_ascii() && letter != 'k' && letter != 'i'
}

impl Needle {
    /// Of bytes in lower case; none when there are none.
    fn new(bytes: &[u8]) -> Option<Self> {
        let rank = |byte: &u8| COMMON.iter().position(|common| common == byte).unwrap_or(COMMON.len());
        let (place, _) = bytes.iter().enumerate().max_by_key(|(_, byte)| rank(byte))?;
        Some(Self { bytes: bytes.to_vec(), place })
    }

    /// Whether it is in `bytes`, in any case of ASCII.
    fn is_in(&self, bytes: &[u8]) -> bool {
        let rare = self.bytes[self.place];
        let mut found = memchr::memchr2_iter(rare, rare.to_ascii_uppercase(), bytes);
        found.any(|at| {
            let start = at.checked_sub(self.place);
            let part = start.and_then(|start| bytes.get(start..start + self.bytes.len()));
            part.is_some_and(|part| part.eq_ignore_ascii_case(&self.bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(words: &str, text: &str) -> bool {
        let words = Words::parse(words).unwrap();
        assert!(words.may_be_in(text.as_bytes()) || !words.are_in(text), "{words:?} in {text}");
        words.are_in(text)
    }

    #[test]
    fn all_words_must_be_there_in_any_case_and_order() {
        assert!(is_in("harbour SEVEN", "at seven, at the Harbour"));
        assert!(!is_in("harbour eight", "at seven, at the Harbour"));
        assert!(is_in("bour", "Harbour"));
        assert!(is_in("grüße", "Viele GRÜSSE und GRÜßE"));
        assert!(is_in("привет", "ПРИВЕТ, мир"));
        assert!(is_in("kelvin", "\u{212a}elvin"));
        assert!(!is_in("long", "lon"));
        assert!(is_in("a", "A") && is_in("ab", "xaAB") && !is_in("ab", "a"));
    }

    #[test]
    fn nothing_and_too_much_cannot_be_searched_for() {
        assert_eq!(Words::parse(" \t"), Err(InvalidSearch::Empty));
        assert_eq!(Words::parse(&"a".repeat(1_025)), Err(InvalidSearch::TooLong(1_025)));
    }
}
