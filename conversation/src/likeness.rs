//! Which names a person cannot tell apart.

/// Whether a person would take two names for the same. Nodes that bear them are told apart by their ids alone.
pub fn same_name(one: &str, other: &str) -> bool {
    !one.is_empty() && folded(one) == folded(other)
}

/// What a person sees of a name: in lower case, without what no font shows.
fn folded(name: &str) -> String {
    name.chars().filter(|character| !is_invisible(*character)).flat_map(char::to_lowercase).collect()
}

/// Format characters (category Cf), fillers and variation selectors of Unicode 16.
const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_the_same_name() {
        assert!(same_name("Ben", "ben"));
        assert!(same_name("Ben", "Be\u{200b}n\u{202e}"));
        assert!(!same_name("Ben", "Benn"));
        assert!(!same_name("", ""));
    }
}
