//! What a line that begins with `/` asks for.

use std::path::PathBuf;

/// Something that is typed instead of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Quit,
    Who,
    Route,
    Verify,
    Unverify,
    Block(bool),
    Delete,
    Open(String),
    Rename(String),
    Search { text: String, here: bool },
    Export(PathBuf),
}

/// What was typed, once it is known what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    Message(String),
    Command(Command),
    /// Neither, and why.
    Wrong(String),
}

/// The commands, for the help: how they are written and what they do.
pub(super) const COMMANDS: &[(&str, &str)] = &[
    ("/to NAME", "open the conversation with somebody: a name, an id, or its beginning"),
    ("/who", "who is there, in which network, by which way"),
    ("/route", "the way to this person, the key exchange, why something waits"),
    ("/verify", "the safety number with this person; compare it, then mark it as verified"),
    ("/unverify", "the comparison does not count any more"),
    ("/search TEXT", "messages with all these words, of everybody"),
    ("/find TEXT", "the same in this conversation"),
    ("/block", "take nothing from this person any more and send nothing"),
    ("/unblock", "the contrary"),
    ("/rename NAME", "change your own name"),
    ("/delete", "leave this conversation out from now on; asks first"),
    ("/export FILE", "write this conversation to a file, one JSON object per line"),
    ("/quit", "leave"),
];

/// Reads what was typed.
pub(super) fn read(typed: &str) -> Typed {
    let Some(rest) = typed.strip_prefix('/') else { return Typed::Message(typed.to_owned()) };
    if rest.starts_with('/') {
        return Typed::Message(rest.to_owned());
    }
    let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let argument = argument.trim();
    let with = |make: &dyn Fn(String) -> Command, what: &str| {
        if argument.is_empty() {
            Typed::Wrong(format!("/{word} needs {what}"))
        } else {
            Typed::Command(make(argument.to_owned()))
        }
    };
    let command = match word {
        "to" => return with(&Command::Open, "a name or an id"),
        "rename" => return with(&Command::Rename, "the new name"),
        "search" => return with(&|text| Command::Search { text, here: false }, "a word to look for"),
        "find" => return with(&|text| Command::Search { text, here: true }, "a word to look for"),
        "export" => return with(&|path| Command::Export(at_home(&path)), "the name of a file"),
        "help" => Command::Help,
        "quit" => Command::Quit,
        "who" => Command::Who,
        "route" => Command::Route,
        "verify" => Command::Verify,
        "unverify" => Command::Unverify,
        "block" => Command::Block(true),
        "unblock" => Command::Block(false),
        "delete" => Command::Delete,
        _ => {
            return Typed::Wrong(format!(
                "there is no /{}; /help lists what there is, and // begins a message with a /",
                super::text::fitting(&super::text::one_line(word), 20)
            ));
        }
    };
    if argument.is_empty() {
        Typed::Command(command)
    } else {
        Typed::Wrong(format!("/{word} takes nothing more"))
    }
}

/// `~/` as in a shell.
fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_messages_and_what_is_neither() {
        assert_eq!(read("hello /who"), Typed::Message("hello /who".into()));
        assert_eq!(read("//etc/passwd"), Typed::Message("/etc/passwd".into()));
        assert_eq!(read("/who"), Typed::Command(Command::Who));
        assert_eq!(
            read("/search  two words "),
            Typed::Command(Command::Search { text: "two words".into(), here: false })
        );
        assert_eq!(read("/export /tmp/x y"), Typed::Command(Command::Export("/tmp/x y".into())));
        for wrong in ["/", "/frob", "/search", "/export ", "/delete everything", "/Who"] {
            assert!(matches!(read(wrong), Typed::Wrong(_)), "{wrong}");
        }
    }

    #[test]
    fn every_command_of_the_help_is_one() {
        for (written, _) in COMMANDS {
            assert!(matches!(read(written), Typed::Command(_)), "{written}");
        }
    }
}
