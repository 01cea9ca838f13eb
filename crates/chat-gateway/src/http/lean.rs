//! `?lean=1`: lists of message objects without the members that have their default values, and how the OpenAPI document
//! describes a body that has two forms. Which members those are is decided in `chat-protocol`.

use chat_core::conversations::ConversationView;
use chat_core::ids::UserId;
use chat_core::messages::Message;
use chat_protocol::conversation::Conversations;
use chat_protocol::lean::{LeanConversations, LeanHistory, LeanMessage};
use chat_protocol::message as wire;
use chat_wire::Form;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{ArrayBuilder, Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The value of `lean`: 1 asks for the lean form, 0 for the complete one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub(crate) struct Lean(Form);

impl TryFrom<u8> for Lean {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            0 => Ok(false.into()),
            1 => Ok(true.into()),
            _ => Err("lean must be 0 or 1"),
        }
    }
}

impl From<bool> for Lean {
    fn from(is_lean: bool) -> Self {
        Self(if is_lean { Form::Lean } else { Form::Complete })
    }
}

impl Lean {
    pub(crate) fn form(self) -> Form {
        self.0
    }
}

/// Form of the message objects in the answer.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LeanParams {
    /// 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0.
    #[param(value_type = Option<u8>, minimum = 0, maximum = 1)]
    #[serde(default)]
    lean: Lean,
}

/// An answer in one of its two forms.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum InForm<C, L> {
    Complete(C),
    Lean(L),
}

impl LeanParams {
    /// Whether the answer is lean.
    pub(super) fn is_lean(&self) -> bool {
        self.lean.form() == Form::Lean
    }

    /// A page of messages as the caller sees them.
    pub(super) fn history(&self, page: &[Message], caller: UserId) -> InForm<wire::History, LeanHistory> {
        match self.lean.form() {
            Form::Complete => InForm::Complete(chat_wire::history(page, caller)),
            Form::Lean => InForm::Lean(chat_wire::lean_history(page, caller)),
        }
    }

    /// A list of messages as the caller sees them.
    pub(super) fn messages(
        &self,
        list: &[Message],
        caller: UserId,
    ) -> InForm<Vec<wire::Message>, Vec<LeanMessage>> {
        match self.lean.form() {
            Form::Complete => InForm::Complete(chat_wire::messages(list, caller)),
            Form::Lean => InForm::Lean(chat_wire::lean_messages(list, caller)),
        }
    }

    /// A page of conversations as the caller sees them.
    pub(super) fn conversations(
        &self,
        views: &[ConversationView],
        caller: UserId,
        next_cursor: Option<String>,
    ) -> InForm<Conversations, LeanConversations> {
        let conversations = views.iter().map(|view| chat_wire::conversation(view, caller)).collect();
        let page = Conversations { conversations, next_cursor };
        match self.lean.form() {
            Form::Complete => InForm::Complete(page),
            Form::Lean => InForm::Lean(LeanConversations::new(page, caller.0)),
        }
    }
}

/// Defines a type for the schema of a body that is either complete or lean.
macro_rules! in_either_form {
    ($(#[doc = $doc:literal] $name:ident: $complete:expr, $lean:expr, with $($part:ty),+;)+) => {
        $(
            #[doc = $doc]
            pub(super) struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    any_of($complete, $lean)
                }
            }

            impl ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                    $(add::<$part>(schemas);)+
                }
            }
        )+
    };
}

in_either_form! {
    /// A page of messages.
    AnyHistory: one::<wire::History>(), one::<LeanHistory>(), with wire::History, LeanHistory;
    /// A list of messages.
    AnyMessages: list::<wire::Message>(), list::<LeanMessage>(), with wire::Message, LeanMessage;
    /// A page of conversations.
    AnyConversations: one::<Conversations>(), one::<LeanConversations>(), with Conversations, LeanConversations;
}

/// A complete object fulfils both schemas, because a lean one may have every member. So it is not one of them only.
fn any_of(complete: RefOr<Schema>, lean: RefOr<Schema>) -> RefOr<Schema> {
    AnyOfBuilder::new().item(complete).item(lean).into()
}

fn one<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

fn list<T: ToSchema>() -> RefOr<Schema> {
    ArrayBuilder::new().items(one::<T>()).into()
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}
