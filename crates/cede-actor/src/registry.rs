//! Names.
//!
//! An actor that has ended for good has no name. Ending marks the node as closed first and takes its names out afterwards; registering puts the name in first and then looks whether the node is closed. So
//! whichever is later sees the other.

use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::node::Node;
use crate::{Actor, ActorId, Address, LookupError, RegisterError, System, locked};

#[derive(Default)]
pub(crate) struct Names {
    entries: BTreeMap<Arc<str>, Entry>,
    /// The names of each, so that the end of one costs nothing for those of others.
    owned: BTreeMap<ActorId, Vec<Arc<str>>>,
}

pub(crate) struct Entry {
    owner: ActorId,
    address: Arc<dyn Any + Send + Sync>,
}

impl Names {
    /// Takes the names of one actor out. To be dropped after unlocking.
    pub(crate) fn forget(&mut self, owner: &Node) -> Vec<Entry> {
        let names = self.owned.remove(&owner.id()).unwrap_or_default();
        names.iter().filter_map(|name| self.entries.remove(name)).collect()
    }

    fn remove(&mut self, name: &str) -> Option<Entry> {
        let entry = self.entries.remove(name)?;
        if let Some(names) = self.owned.get_mut(&entry.owner) {
            names.retain(|other| &**other != name);
            if names.is_empty() {
                self.owned.remove(&entry.owner);
            }
        }
        Some(entry)
    }
}

impl System {
    /// Gives an actor a name, by which others find it until it has ended for good. One actor may have several.
    ///
    /// # Errors
    /// If another actor has the name, or this one has ended for good.
    pub fn register<A: Actor>(&self, name: &str, address: &Address<A>) -> Result<(), RegisterError> {
        let name: Arc<str> = name.into();
        let entry = Entry { owner: address.id(), address: Arc::new(address.clone()) };
        let taken = {
            let mut names = locked(self.names());
            match names.entries.get(&name) {
                Some(other) => Err((entry, other.owner)),
                None => {
                    names.owned.entry(entry.owner).or_default().push(Arc::clone(&name));
                    names.entries.insert(Arc::clone(&name), entry);
                    Ok(())
                }
            }
        };
        if let Err((_, by)) = taken {
            return Err(RegisterError::Taken { name, by });
        }
        if address.node().is_closed() {
            let late = locked(self.names()).forget(address.node());
            drop(late);
            return Err(RegisterError::Closed);
        }
        self.named().notify_waiters();
        Ok(())
    }

    /// Makes a name free. Says whether it was one.
    pub fn unregister(&self, name: &str) -> bool {
        let entry = locked(self.names()).remove(name);
        entry.is_some()
    }

    /// The address of the actor that has this name.
    ///
    /// # Errors
    /// If there is none, or it is of another type.
    pub fn lookup<A: Actor>(&self, name: &str) -> Result<Address<A>, LookupError> {
        let found = locked(self.names()).entries.get(name).map(|entry| Arc::clone(&entry.address));
        let Some(address) = found else { return Err(LookupError::Unknown { name: name.into() }) };
        match address.downcast::<Address<A>>() {
            Ok(address) => Ok(Address::clone(&address)),
            Err(_) => Err(LookupError::OtherType { name: name.into(), expected: type_name::<A>() }),
        }
    }

    /// Waits until an actor has this name.
    ///
    /// *Cancel safety*: dropping it has no effect.
    ///
    /// # Errors
    /// If it is of another type.
    pub async fn when_registered<A: Actor>(&self, name: &str) -> Result<Address<A>, LookupError> {
        loop {
            let named = self.named().notified();
            match self.lookup(name) {
                Err(LookupError::Unknown { .. }) => named.await,
                found => return found,
            }
        }
    }
}
