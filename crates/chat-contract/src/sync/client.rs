//! A model of a client that follows the two rules of the stream: it keeps the last cursor that it got, and replaces a
//! message only by one with a higher `rev`.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::conversations::{ConversationPage, ConversationView, Counts};
use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, MessageId, Position, Seq, UserId};
use chat_core::messages::{MAX_PAGE, Message, MessageRange, Page, Start, Status};
use chat_core::ports::Store;
use chat_core::receipts::Pointers;
use chat_core::sync::PageStart;
use chat_core::sync::survey::Survey;

/// A conversation in the client's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub view: ConversationView,
    pub messages: BTreeMap<Seq, Message>,
    pub pointers: BTreeMap<UserId, Pointers>,
}

/// The complete state of a user's client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub user: UserId,
    pub conversations: BTreeMap<ConversationId, Known>,
    pub saved: BTreeSet<MessageId>,
}

impl State {
    /// Everything that the user can see now, as after a reload.
    pub async fn load(store: &dyn Store, user: UserId) -> Self {
        let mut state = Self { user, conversations: BTreeMap::new(), saved: BTreeSet::new() };
        let mut after = None;
        loop {
            let page = store.conversations(user, ConversationPage { after, limit: 2 }).await.unwrap();
            let Some(last) = page.last() else { break };
            let newest = last.last_message.as_ref().map_or(MessageId(0), |message| message.id);
            after = Some((newest, last.conversation.id));
            for view in page {
                let id = view.conversation.id;
                let known = load_conversation(store, user, view).await;
                assert!(state.conversations.insert(id, known).is_none(), "{id} is in two pages");
            }
        }
        state.load_saved(store).await;
        state
    }

    async fn load_saved(&mut self, store: &dyn Store) {
        let page = Page { before: None, limit: MAX_PAGE };
        self.saved = store.saved(self.user, page).await.unwrap().iter().map(|message| message.id).collect();
    }

    /// Applies an event. A conversation that the client does not have is loaded completely.
    pub async fn apply(&mut self, store: &dyn Store, change: &Change) {
        match change {
            Change::OwnPartChanged { user, view } => {
                assert_eq!(*user, self.user);
                match self.conversations.get_mut(&view.conversation.id) {
                    Some(known) => known.view = ConversationView::clone(view),
                    None => {
                        let view = ConversationView::clone(view);
                        let id = view.conversation.id;
                        self.conversations.insert(id, load_conversation(store, self.user, view).await);
                        self.load_saved(store).await;
                    }
                }
            }
            Change::MessagePosted(message) | Change::MessageChanged { message, .. } => {
                self.insert_newer(message)
            }
            Change::PointersMoved(receipts) => {
                for receipt in receipts {
                    let Some(known) = self.conversations.get_mut(&receipt.conversation) else { continue };
                    let is_own = receipt.user == self.user;
                    assert_eq!(receipt.counts.is_some(), is_own, "{receipt:?}");
                    known.pointers.insert(receipt.user, receipt.pointers);
                    if is_own {
                        known.view.own.pointers = receipt.pointers;
                    }
                }
            }
            Change::MessageHidden { user, conversation, message, counted } => {
                assert_eq!(*user, self.user);
                if let Some(known) = self.conversations.get_mut(conversation) {
                    assert!(counted.is_some(), "only who has left has no counts");
                    known.messages.retain(|_, known| known.id != *message);
                }
            }
            Change::MessageSaved { user, message, saved } => {
                assert_eq!(*user, self.user);
                if *saved {
                    self.saved.insert(*message)
                } else {
                    self.saved.remove(message)
                };
            }
            Change::MemberRemoved { conversation, user } => {
                assert_eq!(*user, self.user);
                self.conversations.remove(&conversation.id);
            }
            other => panic!("unexpected event for a resumed client: {other:?}"),
        }
    }

    fn insert_newer(&mut self, message: &Message) {
        let Some(known) = self.conversations.get_mut(&message.conversation) else { return };
        let has = known.messages.get(&message.seq).map(|known| known.rev);
        if has.is_none_or(|rev| rev < message.rev) {
            known.messages.insert(message.seq, message.clone());
        }
    }

    /// The state without everything that is not sent again to a resuming client: the client's own counts, and what
    /// derives from other objects.
    pub fn comparable(mut self) -> Self {
        let mut seen = BTreeSet::new();
        for known in self.conversations.values_mut() {
            let ConversationView { conversation, own, last_message } = &mut known.view;
            (conversation.rev, conversation.last_seq) = Default::default();
            own.counts = Counts::default();
            *last_message = None;
            // A member without any pointer equals one that is not listed. Members who have left are not compared.
            known.pointers.retain(|_, pointers| *pointers != Pointers::default());
            for message in known.messages.values_mut() {
                seen.insert(message.id);
                message.status = Status::Sent;
                if let Some(quote) = &mut message.reply_to {
                    quote.content.clear();
                    quote.deleted = false;
                }
            }
        }
        self.saved.retain(|id| seen.contains(id));
        self
    }
}

async fn load_conversation(store: &dyn Store, user: UserId, view: ConversationView) -> Known {
    let id = view.conversation.id;
    let mut known = Known { view, messages: BTreeMap::new(), pointers: BTreeMap::new() };
    loop {
        let from = Start::After(known.messages.keys().last().copied().unwrap_or(Seq(0)));
        let range = MessageRange { thread: None, from, limit: MAX_PAGE };
        let messages = store.read_range(user, id, range).await.unwrap();
        if messages.is_empty() {
            break;
        }
        known.messages.extend(messages.into_iter().map(|message| (message.seq, message)));
    }
    let receipts = store.receipts(user, id, UserId(0), 1000).await.unwrap();
    known.pointers = receipts.into_iter().collect();
    known
}

/// A client that resumes from its cursor from time to time.
#[derive(Clone)]
pub struct Client {
    pub state: State,
    pub cursor: Position,
    /// What its last page has handed on, while its connection lasts.
    survey: Option<Box<Survey>>,
    /// The cursors that it got before, with its state at each.
    pub past: Vec<(Position, State)>,
}

impl Client {
    /// A client that loads everything now.
    pub async fn start(store: &dyn Store, user: UserId) -> Self {
        let cursor = store.log_end().await.unwrap().position;
        Self { state: State::load(store, user).await, cursor, survey: None, past: Vec::new() }
    }

    /// Reads one page and applies at most `most` of its events: then the connection breaks, or the rest is read again.
    /// Returns whether the client has everything now. Calls `check` after each event.
    pub async fn resume(
        &mut self,
        store: &dyn Store,
        (limit, most): (u16, usize),
        mut check: impl FnMut(&State),
    ) -> bool {
        let start = PageStart { after: self.cursor, survey: self.survey.take() };
        let mut page = store.changes(self.state.user, start, limit).await.unwrap();
        self.survey = page.survey.take().filter(|_| keeps_survey(&page.events, most));
        let is_cut = page.events.len() > most;
        self.check_page(&page.events, page.up_to, limit);
        assert!(page.complete || page.up_to > self.cursor, "a client would never finish");
        for (index, event) in page.events.iter().take(most).enumerate() {
            self.state.apply(store, &event.change).await;
            check(&self.state);
            // Events with the same position belong together, so only the last of them yields a cursor.
            let next = page.events.get(index + 1).map(|event| event.position);
            if next != Some(event.position) {
                self.past.push((self.cursor, self.state.clone()));
                self.cursor = event.position;
            }
        }
        if !is_cut {
            self.cursor = page.up_to;
        }
        page.complete && !is_cut
    }

    /// Resumes from an earlier cursor.
    pub fn rewind(&mut self, cursor: Position) {
        (self.cursor, self.survey) = (cursor, None);
    }

    fn check_page(&self, events: &[Event], up_to: Position, limit: u16) {
        assert!(events.is_sorted_by_key(|event| event.position));
        assert!(events.iter().all(|event| event.position > self.cursor && event.position <= up_to));
        let mut positions: Vec<_> = events.iter().map(|event| event.position).collect();
        positions.dedup();
        // Departures are not counted by the limit, and all have the same position.
        assert!(
            positions.len() <= usize::from(limit) + 1,
            "{} positions in a page of {limit}",
            positions.len()
        );
    }
}

/// Whether the connection stays after `most` events of a page. A server that cuts a page does not separate events of one
/// position, such as the departures at its beginning. So a connection can only stay if these were applied.
fn keeps_survey(events: &[Event], most: usize) -> bool {
    let last = most.checked_sub(1).and_then(|last| events.get(last));
    let is_past_first = || last.is_some_and(|last| events[0].position < last.position);
    events.len() <= most || (most.is_multiple_of(2) && is_past_first())
}
