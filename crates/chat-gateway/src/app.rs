//! What all handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_core::Chat;

use crate::auth::Authenticator;
use crate::hub::{Hub, Slots};
use crate::receipts::Receipts;
use crate::tickets::Tickets;
use crate::{GatewayOptions, Tokens};

/// The gateway's state; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// The parts, for the gateway's own modules.
pub struct Shared {
    pub(crate) chat: Chat,
    pub(crate) hub: Hub,
    pub(crate) auth: Authenticator,
    pub(crate) tickets: Tickets,
    pub(crate) slots: Slots,
    pub(crate) receipts: Receipts,
    pub(crate) options: GatewayOptions,
    is_draining: AtomicBool,
}

impl App {
    /// Puts the gateway's parts together on the current runtime.
    pub fn new(chat: Chat, hub: Hub, tokens: Tokens, options: GatewayOptions) -> Self {
        Self(Arc::new(Shared {
            auth: Authenticator::new(chat.clone(), tokens),
            tickets: Tickets::default(),
            slots: Slots::new(options.connections_per_user, options.connections),
            receipts: Receipts::spawn(chat.clone()),
            hub,
            chat,
            options,
            is_draining: AtomicBool::new(false),
        }))
    }

    /// Readiness ends, new streams are refused and every client is asked to reconnect a little later.
    pub async fn drain(&self) {
        self.0.is_draining.store(true, Ordering::Release);
        self.0.hub.close_all().await;
    }

    /// How many WebSocket connections there are.
    pub fn n_connections(&self) -> usize {
        self.0.slots.total()
    }

    /// Resolves once no WebSocket connection is left.
    pub async fn all_closed(&self) {
        self.0.slots.all_free().await;
    }

    /// Writes out the confirmations that have been collected.
    pub async fn flush_receipts(&self) {
        self.0.receipts.flush().await;
    }
}

impl Shared {
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
