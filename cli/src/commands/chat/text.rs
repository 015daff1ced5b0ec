//! Text of others on this screen: harmless, and cut into lines by its true width.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What stands for a character that could do harm: everybody sees that something was there. All terminals agree that it
/// is one column wide, which they do not about U+FFFD.
const INSTEAD: char = '\u{2426}';
/// Where the pictures of the controls from U+0000 on begin.
const PICTURES: u32 = 0x2400;
/// What no line begins with.
const CLOSING: &str = "、。，．：；！？）」』】,.:;!?)]}";
/// Marks upon marks on one letter reach into the lines around it.
const MOST_MARKS: usize = 3;
/// As far apart as a tab moves, without a terminal's own idea of it.
const TAB: &str = "    ";

/// A text that moves no cursor, reorders no screen and hides nothing. Line ends stay.
///
/// Controls become pictures of themselves, what turns the direction of writing a sign. What has no width goes, joiners of emoji included:
/// terminals disagree about how wide a joined emoji is, and a line that is wider than believed breaks the whole screen.
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        if c.width() == Some(0) {
            marks += 1;
        } else {
            marks = 0;
        }
        match c {
            '\n' => out.push(c),
            '\t' => out.push_str(TAB),
            c if c.is_ascii_control() => out.push(picture(c)),
            c if c.is_control() || turns(c) || c == '\u{fffd}' => out.push(INSTEAD),
            c if vanishes(c) || marks > MOST_MARKS => {}
            c => out.push(c),
        }
    }
    out
}

fn picture(control: char) -> char {
    if control == '\u{7f}' {
        '\u{2421}'
    } else {
        char::from_u32(PICTURES + u32::from(control)).unwrap_or(INSTEAD)
    }
}

/// The same for names: on one line.
pub(super) fn one_line(text: &str) -> String {
    harmless(text).replace('\n', " ")
}

/// Embeddings, overrides and isolates of the bidirectional algorithm, and its invisible marks.
const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
}

/// Invisible: spaces, joiners, fillers, variation selectors and tags without a width.
const fn vanishes(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Cuts a text into lines of at most `width` columns, between words where that is possible, never within what is one
/// character to a reader. The first line has `used` columns less.
pub(super) fn wrap(text: &str, width: usize, used: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut room = width.saturating_sub(used);
    for line in text.split('\n') {
        wrap_line(line, width, room, &mut lines);
        room = width;
    }
    lines
}

fn wrap_line(text: &str, width: usize, first: usize, lines: &mut Vec<String>) {
    let (mut line, mut taken, mut room) = (String::new(), 0, first);
    let mut full = false;
    for word in words(text) {
        let wide = word.width();
        let blank = word.chars().all(|c| c == ' ');
        if std::mem::take(&mut full) && !blank {
            lines.push(std::mem::take(&mut line));
            (taken, room) = (0, width);
        }
        if taken + wide <= room {
            line.push_str(word);
            taken += wide;
            continue;
        }
        if blank {
            // The blanks at which a line is cut are seen as the cut; at the end they are not seen at all.
            full = true;
            continue;
        }
        if wide <= width {
            lines.push(std::mem::take(&mut line));
            (line, taken, room) = (word.to_owned(), wide, width);
            continue;
        }
        for cluster in word.graphemes(true) {
            let wide = cluster.width();
            if taken + wide > room && (taken > 0 || room < width) {
                lines.push(std::mem::take(&mut line));
                (taken, room) = (0, width);
            }
            line.push_str(cluster);
            taken += wide;
        }
    }
    lines.push(line);
}

/// The parts between which a line may be cut: words and the blanks between them, and each character of scripts that need
/// no blanks, with the marks that must not begin a line.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut clusters = rest.grapheme_indices(true);
        let (_, mut before) = clusters.next()?;
        let end = clusters.find_map(|(at, cluster)| {
            let cut = (before == " ") != (cluster == " ")
                || (before.width() > 1 || cluster.width() > 1) && !CLOSING.contains(cluster);
            before = cluster;
            cut.then_some(at)
        });
        let (word, left) = rest.split_at(end.unwrap_or(rest.len()));
        rest = left;
        Some(word)
    })
}

/// The beginning of a text that fits into `width` columns, with an ellipsis where something is missing.
pub(super) fn fitting(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut out, mut taken) = (String::new(), 0);
    for cluster in text.graphemes(true) {
        if taken + cluster.width() + 1 > width {
            break;
        }
        out.push_str(cluster);
        taken += cluster.width();
    }
    if width > 0 {
        out.push('\u{2026}');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_turns_or_hides_is_left() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{7}\rc\u{9b}"), "a\u{241b}[2Jb\u{2407}\u{240d}c\u{2426}");
        assert_eq!(
            harmless("\u{202e}evil\u{202c} \u{2067}x\u{2069}"),
            "\u{2426}evil\u{2426} \u{2426}x\u{2426}"
        );
        assert_eq!(harmless("b\u{200b}e\u{2060}n\u{feff}"), "ben");
        assert_eq!(harmless("a\tb\nc"), "a    b\nc");
        assert_eq!(harmless(&format!("z{}", "\u{301}".repeat(50))).chars().count(), 1 + MOST_MARKS);
        assert_eq!(one_line("a\nb"), "a b");
    }

    #[test]
    fn scripts_that_need_marks_keep_them() {
        for text in [
            "Zo\u{eb} e\u{301}",
            "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
            "\u{e01}\u{e33}\u{e49}",
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
            "\u{65e5}\u{672c}",
        ] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn lines_are_cut_between_words_and_by_width() {
        assert_eq!(wrap("one two three", 8, 0), ["one two ", "three"]);
        assert_eq!(wrap("one two", 7, 4), ["one", "two"]);
        assert_eq!(wrap("abcd  ", 5, 0), ["abcd"]);
        assert_eq!(wrap("abcd     efgh", 5, 0), ["abcd", "efgh"]);
        assert_eq!(wrap("abcdefghij", 4, 0), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("日本語日本語", 5, 0), ["日本", "語日", "本語"]);
        assert_eq!(wrap("ab 日本。語", 7, 0), ["ab 日", "本。語"]);
        assert_eq!(wrap("see /verify, now", 11, 0), ["see ", "/verify, ", "now"]);
        assert_eq!(wrap("a\n\nb", 5, 0), ["a", "", "b"]);
        assert_eq!(wrap("日本", 1, 0), ["日", "本"], "what is wider than the screen gets a line of its own");
        for width in 1..20 {
            for line in
                wrap("some words, some are longer: Donaudampfschifffahrt 日本語 e\u{301}e\u{301}", width, 3)
            {
                assert!(line.trim_end().width() <= width.max(2), "{line:?} is wider than {width}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(fitting("short", 5), "short");
        assert_eq!(fitting("longer", 5), "long…");
        assert_eq!(fitting("日本語", 4), "日…");
        assert_eq!(fitting("x", 0), "");
    }
}
