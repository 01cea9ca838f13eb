//! Parses the lines that the user types.

use chat_protocol::v1::ClientFrame;

/// Number of messages that `/history` shows if none is given.
const DEFAULT_HISTORY: u16 = 20;
/// Most messages that the server returns at a time.
const MAX_HISTORY: u16 = 200;

/// What `/help` prints.
pub(super) const HELP: &str = "\
A line is sent to the chosen recipient; a line that is a JSON object is sent to the server unchanged.
  /to NAME            write to a user
  /group NAME         write to a group, by name or number
  /image URL [TEXT]   send an image
  /typing             signal that you are typing
  /history [N]        show the last N messages
  /users [PREFIX]     list users
  /groups             list your groups
  /quit               leave; so does the end of the input
  //TEXT              send text that begins with a slash";

/// A parsed line of input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// An empty line.
    Empty,
    /// Send a message to the chosen recipient.
    Send(String),
    /// Send a JSON object to the server unchanged. The frame holds its fields, or defaults if it is no valid frame.
    Raw(String, Box<ClientFrame>),
    /// Choose a user as the recipient, by name.
    To(String),
    /// Choose a group as the recipient, by name or id.
    Group(String),
    /// Signal that the user is typing.
    Typing,
    /// Send an image, perhaps with a text.
    Image {
        /// URL of the image.
        url: String,
        /// Caption; may be empty.
        text: String,
    },
    /// Show this number of the last messages.
    History(u16),
    /// List users whose names begin with this text; all if it is empty.
    Users(String),
    /// List the groups.
    Groups,
    /// Print the commands.
    Help,
    /// Leave.
    Quit,
    /// An invalid line; the text says why.
    Invalid(String),
}

/// Parses a line.
pub(super) fn parse(line: &str) -> Command {
    if line.trim().is_empty() {
        return Command::Empty;
    }
    if line.starts_with('{')
        && let Ok(serde_json::Value::Object(object)) = serde_json::from_str(line)
    {
        let frame = serde_json::from_value(object.into()).unwrap_or_default();
        return Command::Raw(line.into(), Box::new(frame));
    }
    match line.strip_prefix('/') {
        None => Command::Send(line.into()),
        Some(text) if text.starts_with('/') => Command::Send(text.into()),
        Some(command) => parse_command(command),
    }
}

fn parse_command(command: &str) -> Command {
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    let needs = |what: &str| Command::Invalid(format!("/{word} needs {what}; see /help"));
    match word {
        "to" if rest.is_empty() => needs("the name of a user"),
        "to" => Command::To(rest.into()),
        "group" if rest.is_empty() => needs("the name or number of a group"),
        "group" => Command::Group(rest.into()),
        "typing" => Command::Typing,
        "image" if rest.is_empty() => needs("the address of the image"),
        "image" => {
            let (url, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            Command::Image { url: url.into(), text: text.trim().into() }
        }
        "history" if rest.is_empty() => Command::History(DEFAULT_HISTORY),
        "history" => match rest.parse::<u16>() {
            Ok(n) if n > 0 => Command::History(n.min(MAX_HISTORY)),
            _ => needs("a positive number"),
        },
        "users" => Command::Users(rest.into()),
        "groups" => Command::Groups,
        "help" => Command::Help,
        "quit" => Command::Quit,
        _ => Command::Invalid(format!("there is no command /{word}; see /help")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sent() {
        for text in ["hello", " hello ", "5", "[1]", "{not json", "{\"a\":1} and more", "a /to b"] {
            assert_eq!(parse(text), Command::Send(text.into()));
        }
        assert_eq!(parse("//etc/hosts"), Command::Send("/etc/hosts".into()));
        assert_eq!([parse(""), parse("  ")], [Command::Empty, Command::Empty]);
    }

    #[test]
    fn objects_are_sent_as_they_are() {
        let line = r#"{"action":"set_recipient","user_id":2}"#;
        let Command::Raw(raw, frame) = parse(line) else { panic!("not raw") };
        assert_eq!(
            (raw.as_str(), frame.action.as_deref(), frame.user_id),
            (line, Some("set_recipient"), Some(2))
        );
        // An invalid frame is sent too, so that the server reports the error.
        assert!(matches!(parse(r#"{"type":5}"#), Command::Raw(_, frame) if frame.kind.is_none()));
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(parse("/to jerry"), Command::To("jerry".into()));
        assert_eq!(parse("/group Cheese lovers "), Command::Group("Cheese lovers".into()));
        assert_eq!(parse("/typing"), Command::Typing);
        let image = |url: &str, text: &str| Command::Image { url: url.into(), text: text.into() };
        assert_eq!(parse("/image http://x/a.png"), image("http://x/a.png", ""));
        assert_eq!(parse("/image http://x/a.png  look at this"), image("http://x/a.png", "look at this"));
        assert_eq!([parse("/history"), parse("/history 3")], [20, 3].map(Command::History));
        assert_eq!(parse("/history 5000"), Command::History(200));
        assert_eq!(
            [parse("/users"), parse("/users to")],
            ["", "to"].map(|prefix| Command::Users(prefix.into()))
        );
        assert_eq!(
            [parse("/groups"), parse("/help"), parse("/quit")],
            [Command::Groups, Command::Help, Command::Quit]
        );
    }

    #[test]
    fn invalid_lines_are_reported() {
        for wrong in
            ["/to", "/to  ", "/group", "/image", "/history 0", "/history x", "/history -1", "/jump", "/"]
        {
            assert!(matches!(parse(wrong), Command::Invalid(_)), "{wrong}");
        }
    }
}
