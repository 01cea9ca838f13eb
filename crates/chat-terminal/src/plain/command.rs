//! What a typed line asks for.

use chat_protocol::v1::ClientFrame;

/// Messages that `/history` shows where no number is given.
const DEFAULT_HISTORY: u16 = 20;
/// Most that the server gives at a time.
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

/// One line of input, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// An empty line.
    Nothing,
    /// A message to the present recipient.
    Say(String),
    /// A JSON object for the server as it is, and its fields where it has those of a frame.
    Raw(String, Box<ClientFrame>),
    /// Choose a user.
    To(String),
    /// Choose a group.
    Group(String),
    /// Tell that one is typing.
    Typing,
    /// Send an image, perhaps with a text.
    Image {
        /// Where it is.
        url: String,
        /// What to say about it; may be empty.
        text: String,
    },
    /// Show the last messages.
    History(u16),
    /// List users whose names begin so.
    Users(String),
    /// List the groups.
    Groups,
    /// Print the commands.
    Help,
    /// Leave.
    Quit,
    /// Not understood; the sentence says why.
    Wrong(String),
}

/// Understands a line.
pub(super) fn parse(line: &str) -> Command {
    if line.trim().is_empty() {
        return Command::Nothing;
    }
    if line.starts_with('{')
        && let Ok(serde_json::Value::Object(object)) = serde_json::from_str(line)
    {
        let frame = serde_json::from_value(object.into()).unwrap_or_default();
        return Command::Raw(line.into(), Box::new(frame));
    }
    match line.strip_prefix('/') {
        None => Command::Say(line.into()),
        Some(text) if text.starts_with('/') => Command::Say(text.into()),
        Some(command) => parse_command(command),
    }
}

fn parse_command(command: &str) -> Command {
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    let needs = |what: &str| Command::Wrong(format!("/{word} needs {what}; see /help"));
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
        _ => Command::Wrong(format!("there is no command /{word}; see /help")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_said() {
        for text in ["hello", " hello ", "5", "[1]", "{not json", "{\"a\":1} and more", "a /to b"] {
            assert_eq!(parse(text), Command::Say(text.into()));
        }
        assert_eq!(parse("//etc/hosts"), Command::Say("/etc/hosts".into()));
        assert_eq!([parse(""), parse("  ")], [Command::Nothing, Command::Nothing]);
    }

    #[test]
    fn objects_are_sent_as_they_are() {
        let line = r#"{"action":"set_recipient","user_id":2}"#;
        let Command::Raw(raw, frame) = parse(line) else { panic!("not raw") };
        assert_eq!(
            (raw.as_str(), frame.action.as_deref(), frame.user_id),
            (line, Some("set_recipient"), Some(2))
        );
        // The server is to say what is wrong with it.
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
    fn what_is_not_understood_is_said() {
        for wrong in
            ["/to", "/to  ", "/group", "/image", "/history 0", "/history x", "/history -1", "/jump", "/"]
        {
            assert!(matches!(parse(wrong), Command::Wrong(_)), "{wrong}");
        }
    }
}
