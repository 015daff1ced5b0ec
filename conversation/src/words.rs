//! What is searched for: words that all have to be in a text, whatever their case.

/// The words of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// In lower case.
    words: Vec<String>,
    /// The longest of them that is all ASCII: it can be looked for in bytes, before anything is decoded.
    ascii: Option<Vec<u8>>,
}

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
        // In lower case, the Kelvin sign is a `k`, and a capital `i` with a dot begins with an `i`.
        let is_plain = |word: &&String| word.bytes().all(|byte| byte.is_ascii() && !b"ki".contains(&byte));
        let ascii = words.iter().filter(is_plain).max_by_key(|word| word.len());
        let ascii = ascii.map(|word| word.clone().into_bytes());
        Ok(Self { words, ascii })
    }

    /// Whether all of them are in a text.
    pub fn are_in(&self, text: &str) -> bool {
        if self.words.iter().all(|word| word.is_ascii()) && text.is_ascii() {
            return self.words.iter().all(|word| contains(text.as_bytes(), word.as_bytes()));
        }
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }

    /// Whether they may be in a text of which these bytes are the encoding, or hold it: false only if they are not.
    pub fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.ascii.as_ref().is_none_or(|word| contains(bytes, word))
    }
}

/// Whether `word`, in lower case, is in `bytes` in any case.
fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let Some((first, rest)) = word.split_first() else { return true };
    let upper = first.to_ascii_uppercase();
    let Some(last) = bytes.len().checked_sub(rest.len()) else { return false };
    let mut start = 0;
    while let Some(found) = memchr::memchr2(*first, upper, &bytes[start..last]) {
        let place = start + found;
        if bytes[place + 1..place + 1 + rest.len()].eq_ignore_ascii_case(rest) {
            return true;
        }
        start = place + 1;
    }
    false
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
