//! Gives a v1 client what arrived while its user had no connection, in order and once, before live messages.
//!
//! The connection is attached by now and holds live messages back. The log is read page by page until a page is not
//! full; then what was held back follows, less what the log has given already. If more was held back than may be, it
//! was let go of, and the log is read on from where it was. What came in since just before the attachment is read from
//! the log whoever wrote it, so that the order is the log's throughout.

use std::collections::HashMap;
use std::sync::Arc;

use chat_core::ids::{ConversationId, MessageId, Seq};

use crate::hub::{Connection, Delivery};
use crate::{App, wire};
use chat_websocket::close_code;

/// Messages read and written at a time.
const PAGE: u16 = 200;

/// `live_from` was the newest message before the connection was attached. `false`: the connection is to end.
pub(super) async fn replay(app: &App, connection: &Arc<Connection>, live_from: MessageId) -> bool {
    let user = connection.user();
    let mut sent: HashMap<ConversationId, Seq> = HashMap::new();
    let mut after = MessageId(0);
    loop {
        let page = match app.chat.backlog(user, live_from, after, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(error = %error, "a replay stopped");
                connection.close(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect");
                return false;
            }
        };
        let is_last = page.len() < usize::from(PAGE);
        for message in page {
            after = message.id;
            sent.insert(message.conversation, message.seq);
            let confirm = message.sender != user;
            let delivery = Delivery { conversation: message.conversation, seq: message.seq, confirm };
            if !connection.has_room() && !connection.drained().await {
                return false;
            }
            connection.push(wire::v1_message(&message), Some(delivery));
        }
        if !connection.drained().await {
            return false;
        }
        if is_last && connection.go_live(&sent) {
            connection.flush();
            return true;
        }
    }
}
