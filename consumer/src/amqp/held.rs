//! Messages in our hands. They outlive the connection they came over: when it is lost the work goes on, and a message
//! that comes back to us while it is worked on is the one that we already hold.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::envelope::{Message, is_named};
use super::wire::{Delivered, Hand};
use crate::starts::MessageCopy;

/// How many deliveries of one line are unsettled.
pub type Unsettled = Arc<AtomicUsize>;

/// Where a delivery is settled.
#[derive(Clone)]
pub struct Address {
    pub hand: Hand,
    pub unsettled: Unsettled,
    tag: u64,
}

impl Address {
    /// The delivery is done with; false when the broker took it back.
    pub async fn ack(&self) -> bool {
        self.unsettled.fetch_sub(1, Ordering::Relaxed);
        self.hand.ack(self.tag).await
    }

    /// The delivery goes back to the head of its queue.
    pub async fn put_back(&self) {
        self.unsettled.fetch_sub(1, Ordering::Relaxed);
        self.hand.put_back(self.tag).await;
    }
}

/// A message in our hands.
pub struct Held {
    pub message: Message,
    pub copy: MessageCopy,
    /// Somebody had it before and did not settle it.
    pub redelivered: bool,
    /// How often handling began before it came to us, where the store was asked.
    pub counted: OnceLock<u32>,
    /// How often handling began, once we have begun.
    pub begun: OnceLock<u32>,
    address: Mutex<Address>,
}

impl Held {
    /// How often handling began as far as we know.
    pub fn starts(&self) -> u32 {
        *self.begun.get().or(self.counted.get()).unwrap_or(&self.copy.before)
    }

    /// Whether its delivery can still be settled.
    pub fn is_ours(&self) -> bool {
        self.address().hand.is_there()
    }

    fn address(&self) -> MutexGuard<'_, Address> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of a delivery.
pub enum Taken {
    /// A message that we did not hold.
    New(Arc<Held>),
    /// The broker took back what we hold and gave it to us again: its work simply goes on.
    Again(Arc<Held>),
}

/// Whether a message is still ours to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Ours,
    Lost,
}

/// All messages in our hands.
#[derive(Default)]
pub struct Hands(Mutex<HashMap<String, Arc<Held>>>);

impl Hands {
    /// Takes a delivery of the queue with this full name.
    pub fn take(&self, delivered: Delivered, queue: &str, hand: Hand, unsettled: Unsettled) -> Taken {
        unsettled.fetch_add(1, Ordering::Relaxed);
        let Delivered { tag, redelivered, id, headers, body } = delivered;
        let address = Address { hand, unsettled, tag };
        // messages that nobody named may share an id, yet each wants work of its own
        let named = is_named(&headers);
        let (message, copy) = Message::disclosed(id, headers, body, queue);
        let mut hands = self.hands();
        let place = hands.entry(copy.id.clone());
        if let Entry::Occupied(known) = &place
            && named
            && !known.get().is_ours()
        {
            *known.get().address() = address;
            return Taken::Again(Arc::clone(known.get()));
        }
        let held = Arc::new(Held {
            message,
            copy,
            redelivered,
            counted: OnceLock::new(),
            begun: OnceLock::new(),
            address: Mutex::new(address),
        });
        if let Entry::Vacant(place) = place {
            place.insert(Arc::clone(&held));
        }
        Taken::New(held)
    }

    /// Lets go of a message, and says where its delivery is to be settled. After this it would come as a new one.
    pub fn let_go(&self, held: &Arc<Held>) -> Address {
        let mut hands = self.hands();
        if hands.get(&held.copy.id).is_some_and(|known| Arc::ptr_eq(known, held)) {
            hands.remove(&held.copy.id);
        }
        held.address().clone()
    }

    /// Lets go of a message if the broker has taken it back and not given it to us again.
    pub fn let_go_if_lost(&self, held: &Arc<Held>) -> Kept {
        let mut hands = self.hands();
        if held.is_ours() {
            return Kept::Ours;
        }
        if hands.get(&held.copy.id).is_some_and(|known| Arc::ptr_eq(known, held)) {
            hands.remove(&held.copy.id);
        }
        Kept::Lost
    }

    /// The messages whose handling began with us, for the first time ever.
    pub fn first_begun(&self) -> Vec<Arc<Held>> {
        self.hands().values().filter(|held| held.begun.get() == Some(&1)).map(Arc::clone).collect()
    }

    fn hands(&self) -> MutexGuard<'_, HashMap<String, Arc<Held>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
