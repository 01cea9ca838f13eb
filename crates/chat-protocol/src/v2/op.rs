//! The ops of the v2 stream: one table with the name, the fields and a summary of each. The server parses frames by it,
//! clients build them by it, and the AsyncAPI document, docs/stream.md and the SDK's types are generated from it or
//! compared with it. The effects of an op on messages do not belong here.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Append, Delete, Edit, Finish, Forward, OfMessage, Ping, Pointer, React, Send, SetPresence, TypingIn, View,
};

/// Visits each op with the type of its fields.
pub trait OpVisitor {
    /// Takes an op.
    fn visit<Fields: ToSchema>(&mut self, name: OpName);
}

macro_rules! ops {
    ($(#[doc = $summary:literal] $name:ident($fields:ty) = $text:literal,)+) => {
        /// The name of an op.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum OpName {
            $(#[doc = $summary] $name,)+
        }

        impl OpName {
            /// All ops, in the order of the documents.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the op with this name in a frame; `None` if there is none.
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Returns the op's name in a frame.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// Returns a sentence about the op.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$name => $summary.trim_ascii_start(),)+
                }
            }

            /// Parses the fields of a frame with this op; the frame's `op` and `id` are skipped.
            ///
            /// # Errors
            /// If a field is missing or has the wrong type.
            pub fn read(self, frame: &str) -> serde_json::Result<Op> {
                match self {
                    $(Self::$name => serde_json::from_str(frame).map(Op::$name),)+
                }
            }

            /// Passes all ops to a visitor, in the order of the documents.
            pub fn visit_all(visitor: &mut impl OpVisitor) {
                $(visitor.visit::<$fields>(Self::$name);)+
            }
        }

        /// An op with its fields: a client's frame without its id.
        #[derive(Debug, Clone, Serialize)]
        #[serde(tag = "op")]
        pub enum Op {
            $(#[doc = $summary] #[serde(rename = $text)] $name($fields),)+
        }

        impl Op {
            /// Returns the name of the op.
            pub fn name(&self) -> OpName {
                match self {
                    $(Self::$name(_) => OpName::$name,)+
                }
            }
        }
    };
}

ops! {
    /// Sends a message, to exactly one of the three.
    Send(Send) = "send",
    /// Forwards a message, to exactly one of the three.
    Forward(Forward) = "forward",
    /// Replaces a message's text; author only.
    Edit(Edit) = "edit",
    /// Deletes a message.
    Delete(Delete) = "delete",
    /// Reacts to a message.
    React(React) = "react",
    /// Removes a reaction.
    Unreact(React) = "unreact",
    /// Pins a message.
    Pin(OfMessage) = "pin",
    /// Unpins a message.
    Unpin(OfMessage) = "unpin",
    /// Saves a message.
    Save(OfMessage) = "save",
    /// Removes a message from the saved ones.
    Unsave(OfMessage) = "unsave",
    /// Appends to a streaming message.
    Append(Append) = "append",
    /// Ends a streaming message.
    Finish(Finish) = "finish",
    /// Confirms that the client has all messages up to `seq`.
    Delivered(Pointer) = "delivered",
    /// Reports that the user has read all messages up to `seq`.
    Read(Pointer) = "read",
    /// Signals that the user is typing.
    Typing(TypingIn) = "typing",
    /// Sets the presence that others see.
    Presence(SetPresence) = "presence",
    /// Subscribes to the presence of the members of conversations.
    View(View) = "view",
    /// Asks for a `pong`.
    Ping(Ping) = "ping",
}

/// Features that `hello` announces, on which clients may rely beyond docs/contract.md: groups of ops, and features that
/// consist of REST routes, a field or a parameter only.
pub const FEATURES: [&str; 15] = [
    "append",
    "delete",
    "drafts",
    "edit",
    "forward",
    "lean",
    "mentions",
    "pins",
    "presence",
    "reactions",
    "receipts",
    "saved",
    "search",
    "threads",
    "typing",
];

impl OpName {
    /// Returns the feature that the op belongs to; `None` for the ops of docs/contract.md.
    pub fn feature(self) -> Option<&'static str> {
        Some(match self {
            Self::Send | Self::Ping => return None,
            Self::Forward => "forward",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::React | Self::Unreact => "reactions",
            Self::Pin | Self::Unpin => "pins",
            Self::Save | Self::Unsave => "saved",
            Self::Append | Self::Finish => "append",
            Self::Delivered | Self::Read => "receipts",
            Self::Typing => "typing",
            Self::Presence | Self::View => "presence",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn ops_and_their_frames_can_be_parsed() {
        for name in OpName::ALL {
            assert_eq!(OpName::parse(name.as_str()), Some(*name));
            assert!(name.summary().ends_with('.'), "{name:?}");
        }
        assert_eq!(OpName::parse("Send"), None);
        let op = OpName::Unpin.read(r#"{"op":"unpin","id":3,"message_id":9}"#).unwrap();
        assert_eq!(op.name(), OpName::Unpin);
        assert_eq!(serde_json::to_value(op).unwrap(), json!({"op": "unpin", "message_id": 9}));
        assert!(OpName::Unpin.read(r#"{"op":"unpin"}"#).is_err());
    }

    #[test]
    fn every_op_belongs_to_an_announced_feature() {
        let announced: BTreeSet<_> = FEATURES.into_iter().collect();
        let of_ops: BTreeSet<_> = OpName::ALL.iter().filter_map(|name| name.feature()).collect();
        assert!(of_ops.is_subset(&announced), "{:?}", of_ops.difference(&announced));
        // Features of REST routes, of a field of `send`, or of the stream's query.
        let others: Vec<_> = announced.difference(&of_ops).copied().collect();
        assert_eq!(others, ["drafts", "lean", "mentions", "search", "threads"]);
    }
}
