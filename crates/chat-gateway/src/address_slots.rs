//! Limits the number of something per address, so that one address at its limit does not affect others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client_address::{AddressKey, AddressSource, ClientAddress};

/// The counts. Addresses without any slot take no memory.
#[derive(Debug)]
pub(crate) struct AddressSlots {
    per_address: usize,
    taken: Mutex<HashMap<AddressKey, Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    number: usize,
    /// Possibly a proxy that is not configured: everybody may have this address.
    may_be_a_proxy: bool,
}

/// The address is at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// A slot of an address. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct AddressSlot {
    slots: Arc<AddressSlots>,
    key: AddressKey,
}

impl AddressSlots {
    pub(crate) fn new(per_address: usize) -> Arc<Self> {
        Arc::new(Self { per_address, taken: Mutex::default() })
    }

    /// Takes a slot for this address, for example for a socket. This machine itself needs none.
    pub(crate) fn take(self: &Arc<Self>, ip: IpAddr) -> Result<Option<AddressSlot>, Full> {
        match ip.to_canonical().is_loopback() {
            true => Ok(None),
            false => self.count(AddressKey::of(ip)).map(Some),
        }
    }

    /// Takes a slot for something that a request has asked for. A possible proxy needs none.
    pub(crate) fn take_for(self: &Arc<Self>, client: ClientAddress) -> Result<Option<AddressSlot>, Full> {
        match client.source() {
            AddressSource::PossibleProxy => Ok(None),
            AddressSource::Direct | AddressSource::TrustedProxy => self.take(client.ip()),
        }
    }

    /// The same for a scarce resource: sending proxy headers does not avoid the limit.
    pub(crate) fn take_scarce(self: &Arc<Self>, client: ClientAddress) -> Result<Option<AddressSlot>, Full> {
        self.take(client.ip())
    }

    fn count(self: &Arc<Self>, key: AddressKey) -> Result<AddressSlot, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = taken.entry(key).or_default();
        if of_address.number >= self.per_address && !of_address.may_be_a_proxy {
            return Err(Full);
        }
        of_address.number += 1;
        Ok(AddressSlot { slots: self.clone(), key })
    }
}

impl AddressSlot {
    /// Removes the address's limit until its last slot is freed.
    pub(crate) fn mark_as_possible_proxy(&self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_address) = taken.get_mut(&self.key) {
            of_address.may_be_a_proxy = true;
        }
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_address) = taken.get_mut(&self.key) else { return };
        of_address.number = of_address.number.saturating_sub(1);
        if of_address.number == 0 {
            taken.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_at_its_limit_does_not_affect_others() {
        let slots = AddressSlots::new(2);
        let first = slots.take(ip("192.0.2.1")).unwrap();
        let _second = slots.take(ip("192.0.2.1")).unwrap();
        assert_eq!(slots.take(ip("192.0.2.1")).err(), Some(Full));
        let _other = slots.take(ip("192.0.2.2")).unwrap().unwrap();
        drop(first);
        drop(slots.take(ip("192.0.2.1")).unwrap().unwrap());
        assert_eq!(slots.taken.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_household_has_one_ipv6_network() {
        let slots = AddressSlots::new(1);
        let _slot = slots.take(ip("2001:db8:1:2::3")).unwrap();
        assert_eq!(slots.take(ip("2001:db8:1:2:ffff::4")).err(), Some(Full));
        assert!(slots.take(ip("2001:db8:1:3::4")).is_ok());
    }

    #[test]
    fn the_machine_itself_is_not_counted_and_what_may_be_a_proxy_is_not_bounded() {
        let slots = AddressSlots::new(1);
        for _ in 0..3 {
            assert!(slots.take(ip("127.0.0.1")).unwrap().is_none());
            assert!(slots.take(ip("::ffff:127.0.0.1")).unwrap().is_none());
            assert!(
                slots
                    .take_for(ClientAddress::new(ip("192.0.2.9"), AddressSource::PossibleProxy))
                    .unwrap()
                    .is_none()
            );
        }
        let first = slots.take(ip("192.0.2.1")).unwrap().unwrap();
        first.mark_as_possible_proxy();
        let second = slots.take(ip("192.0.2.1")).unwrap().unwrap();
        drop((first, second));
        let _again = slots.take(ip("192.0.2.1")).unwrap().unwrap();
        assert_eq!(slots.take(ip("192.0.2.1")).err(), Some(Full), "the address is limited again");
    }

    #[test]
    fn proxy_headers_give_no_more_of_a_scarce_resource() {
        let slots = AddressSlots::new(1);
        let perhaps = ClientAddress::new(ip("192.0.2.9"), AddressSource::PossibleProxy);
        let _one = slots.take_scarce(perhaps).unwrap().unwrap();
        assert_eq!(slots.take_scarce(perhaps).err(), Some(Full));
        assert!(slots.take_scarce(ClientAddress::new(ip("192.0.2.10"), AddressSource::Direct)).is_ok());
    }
}
