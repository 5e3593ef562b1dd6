//! Rows by number.

use std::collections::BTreeMap;

/// The number an instance gives a row; each kind counts on its own, from 1.
pub(super) type Id = i64;

/// Rows of one kind, in the order of their ids.
pub(super) struct Table<T> {
    next: Id,
    rows: BTreeMap<Id, T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            next: 1,
            rows: BTreeMap::new(),
        }
    }
}

impl<T> Table<T> {
    /// Takes the next id, which is never given again.
    pub(super) fn reserve(&mut self) -> Id {
        self.next += 1;
        self.next - 1
    }
    /// Takes an id that somebody names; it is never given to another row.
    pub(super) fn claim(&mut self, id: Id) -> Id {
        self.next = self.next.max(id.saturating_add(1));
        id
    }
    pub(super) fn put(&mut self, id: Id, row: T) {
        self.rows.insert(id, row);
    }
    pub(super) fn get(&self, id: Id) -> Option<&T> {
        self.rows.get(&id)
    }
    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.rows.get_mut(&id)
    }
    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        self.rows.remove(&id)
    }
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.rows.values_mut()
    }
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}
