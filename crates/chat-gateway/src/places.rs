//! How many of something there may be for one address, so that what is full for one is not full for others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client_address::{AddressKey, ClientAddress, Way};

/// The counts. Addresses without anything take no room.
#[derive(Debug)]
pub(crate) struct Places {
    per_address: usize,
    taken: Mutex<HashMap<AddressKey, Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    number: usize,
    /// May be a proxy of which the operator has not told: everybody may have this address.
    may_be_a_proxy: bool,
}

/// The address has as many as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// A place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    key: AddressKey,
}

impl Places {
    pub(crate) fn new(per_address: usize) -> Arc<Self> {
        Arc::new(Self { per_address, taken: Mutex::default() })
    }

    /// A place for a socket or something else from this address; the machine itself needs none.
    pub(crate) fn take(self: &Arc<Self>, ip: IpAddr) -> Result<Option<Place>, Full> {
        match ip.to_canonical().is_loopback() {
            true => Ok(None),
            false => self.count(AddressKey::of(ip)).map(Some),
        }
    }

    /// A place for something that a request has asked for.
    pub(crate) fn take_for(self: &Arc<Self>, client: ClientAddress) -> Result<Option<Place>, Full> {
        match client.way() {
            Way::PerhapsProxy => Ok(None),
            Way::Direct | Way::TrustedProxy => self.take(client.ip()),
        }
    }

    /// The same for something of which there is little for all: whoever sends a proxy's headers has no more of it.
    pub(crate) fn take_of_few(self: &Arc<Self>, client: ClientAddress) -> Result<Option<Place>, Full> {
        self.take(client.ip())
    }

    fn count(self: &Arc<Self>, key: AddressKey) -> Result<Place, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = taken.entry(key).or_default();
        if of_address.number >= self.per_address && !of_address.may_be_a_proxy {
            return Err(Full);
        }
        of_address.number += 1;
        Ok(Place { places: self.clone(), key })
    }
}

impl Place {
    /// From now on, and until nothing is left from there, this address has as many places as it wants.
    pub(crate) fn may_be_a_proxys(&self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_address) = taken.get_mut(&self.key) {
            of_address.may_be_a_proxy = true;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn what_is_full_for_one_address_is_not_full_for_others() {
        let places = Places::new(2);
        let first = places.take(ip("192.0.2.1")).unwrap();
        let _second = places.take(ip("192.0.2.1")).unwrap();
        assert_eq!(places.take(ip("192.0.2.1")).err(), Some(Full));
        let _other = places.take(ip("192.0.2.2")).unwrap().unwrap();
        drop(first);
        drop(places.take(ip("192.0.2.1")).unwrap().unwrap());
        assert_eq!(places.taken.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_household_has_one_ipv6_network() {
        let places = Places::new(1);
        let _place = places.take(ip("2001:db8:1:2::3")).unwrap();
        assert_eq!(places.take(ip("2001:db8:1:2:ffff::4")).err(), Some(Full));
        assert!(places.take(ip("2001:db8:1:3::4")).is_ok());
    }

    #[test]
    fn the_machine_itself_is_not_counted_and_what_may_be_a_proxy_is_not_bounded() {
        let places = Places::new(1);
        for _ in 0..3 {
            assert!(places.take(ip("127.0.0.1")).unwrap().is_none());
            assert!(places.take(ip("::ffff:127.0.0.1")).unwrap().is_none());
            assert!(
                places.take_for(ClientAddress::new(ip("192.0.2.9"), Way::PerhapsProxy)).unwrap().is_none()
            );
        }
        let first = places.take(ip("192.0.2.1")).unwrap().unwrap();
        first.may_be_a_proxys();
        let second = places.take(ip("192.0.2.1")).unwrap().unwrap();
        drop((first, second));
        let _again = places.take(ip("192.0.2.1")).unwrap().unwrap();
        assert_eq!(
            places.take(ip("192.0.2.1")).err(),
            Some(Full),
            "it has yet to say again that it may be one"
        );
    }

    #[test]
    fn of_what_there_is_little_a_proxys_headers_give_no_more() {
        let places = Places::new(1);
        let perhaps = ClientAddress::new(ip("192.0.2.9"), Way::PerhapsProxy);
        let _one = places.take_of_few(perhaps).unwrap().unwrap();
        assert_eq!(places.take_of_few(perhaps).err(), Some(Full));
        assert!(places.take_of_few(ClientAddress::new(ip("192.0.2.10"), Way::Direct)).is_ok());
    }
}
