//! Estimates the size of JSON without encoding it.

use chat_core::accounts::{Account, LastMessage};
use chat_core::conversations::ConversationView;
use chat_core::edits::Version;
use chat_core::groups::{Group, Member};
use chat_core::ids::UserId;
use chat_core::messages::Message;
use chat_core::reactions::Reactor;
use chat_core::receipts::{MarkedRead, Pointers};

/// Upper bound for a message's field names, numbers and dates, in bytes.
const MESSAGE: usize = 900;
/// The same for other entries.
const ENTRY: usize = 200;
/// The same for an attachment.
const ATTACHMENT: usize = 120;
/// The same for a reaction or a mention.
const MARK: usize = 80;

pub(crate) trait Weight {
    /// Bytes of its texts in memory; cheap to compute.
    fn stored(&self) -> usize;
    /// Bytes of its JSON, approximately.
    fn bytes(&self) -> usize;
}

/// Encoded width of each byte of a text.
const WIDTHS: [u8; 256] = widths();

const fn widths() -> [u8; 256] {
    let mut widths = [1; 256];
    let mut byte = 0;
    while byte < 32 {
        widths[byte] = match byte {
            8 | 9 | 10 | 12 | 13 => 2,
            _ => 6,
        };
        byte += 1;
    }
    // A quotation mark and a backslash.
    widths[0x22] = 2;
    widths[0x5c] = 2;
    widths
}

/// Encoded bytes of a text, with escapes.
fn text(text: &str) -> usize {
    text.bytes().map(|byte| usize::from(WIDTHS[usize::from(byte)])).sum()
}

fn optional(given: Option<&String>) -> usize {
    given.map_or(0, |given| text(given))
}

impl<T: Weight> Weight for Vec<T> {
    fn stored(&self) -> usize {
        self.iter().map(Weight::stored).sum()
    }

    fn bytes(&self) -> usize {
        self.iter().map(|entry| entry.bytes() + 1).sum()
    }
}

impl Weight for Message {
    fn stored(&self) -> usize {
        MARK + self.text_bytes()
    }

    fn bytes(&self) -> usize {
        let media =
            self.media.iter().map(|media| ATTACHMENT + text(&media.url) + optional(media.name.as_ref()));
        let quote = self.reply_to.as_ref().map_or(0, |quote| text(&quote.content));
        let custom = self.custom.as_ref().map_or(0, String::len);
        let marks = self.reactions.len() + self.mentions.users.len();
        // The first attachment's address is in the JSON twice.
        MESSAGE
            + text(&self.content)
            + text(self.media_url())
            + media.sum::<usize>()
            + quote
            + custom
            + MARK * marks
            + optional(self.client_msg_id.as_ref())
    }
}

impl Weight for ConversationView {
    fn stored(&self) -> usize {
        let draft = self.own.draft.as_ref().map_or(0, String::len);
        MARK + draft + self.last_message.as_ref().map_or(0, Weight::stored)
    }

    fn bytes(&self) -> usize {
        2 * MESSAGE + optional(self.own.draft.as_ref()) + self.last_message.as_ref().map_or(0, Weight::bytes)
    }
}

impl Weight for (Account, Option<LastMessage>) {
    fn stored(&self) -> usize {
        MARK + self.1.as_ref().map_or(0, |last| last.content.len())
    }

    fn bytes(&self) -> usize {
        self.0.bytes() + self.1.as_ref().map_or(0, |last| text(&last.content))
    }
}

impl Weight for MarkedRead {
    fn stored(&self) -> usize {
        MARK * (self.moved.0.len() + self.not_found.len())
    }

    fn bytes(&self) -> usize {
        // A short entry has no more text than a mark.
        self.stored()
    }
}

impl Weight for Version {
    fn stored(&self) -> usize {
        MARK + self.content.len()
    }

    fn bytes(&self) -> usize {
        ENTRY + text(&self.content)
    }
}

macro_rules! short {
    ($($entry:ty),+) => {
        $(impl Weight for $entry {
            fn stored(&self) -> usize {
                MARK
            }

            fn bytes(&self) -> usize {
                ENTRY
            }
        })+
    };
}

short!(Account, Group, Member, Reactor, (UserId, Pointers));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_weighs_what_it_is_as_json() {
        for sample in
            ["plain", "a\u{1}\u{1f}b", "l\ni\tn\r\u{8}\u{c}", "\"quoted\\\"", "žluťoučký 🐭", "\u{7f}", ""]
        {
            let json = serde_json::to_string(sample).unwrap();
            assert_eq!(text(sample), json.len() - 2, "{sample:?}");
        }
    }
}
