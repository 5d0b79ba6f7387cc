//! The order of what reports list.
//!
//! A sort of std is some kilobytes of code for each type that it sorts. Reports are rare, and programs should not be large for them, so all share one: of keys with places.

/// The items by their keys; those with the same key stay in order.
pub(crate) fn by_key<T>(mut items: Vec<T>, key: impl Fn(&T) -> [u64; 3]) -> Vec<T> {
    let mut keys = keys(items.len(), &|place| key(&items[place]));
    arrange(&mut keys, &mut |one, other| items.swap(one, other));
    items
}

#[inline(never)]
fn keys(count: usize, key: &dyn Fn(usize) -> [u64; 3]) -> Vec<Key> {
    (0..count).map(|place| (key(place), place)).collect()
}

/// The items by a number.
pub(crate) fn by_number<T>(items: Vec<T>, number: impl Fn(&T) -> u64) -> Vec<T> {
    by_key(items, |item| [number(item), 0, 0])
}

/// A key, and the place that its item has.
type Key = ([u64; 3], usize);

/// Has items exchanged until they are in the order of their keys.
#[inline(never)]
fn arrange(keys: &mut [Key], exchange: &mut dyn FnMut(usize, usize)) {
    sort(keys);
    // Each circle of places that exchange their items, one after the other.
    for start in 0..keys.len() {
        let mut place = start;
        loop {
            let source = std::mem::replace(&mut keys[place].1, place);
            if source == start {
                break;
            }
            exchange(place, source);
            place = source;
        }
    }
}

/// Heapsort: slower than that of std, and a tenth of its code.
fn sort(keys: &mut [Key]) {
    for root in (0..keys.len() / 2).rev() {
        sink(keys, root);
    }
    for end in (1..keys.len()).rev() {
        keys.swap(0, end);
        sink(&mut keys[..end], 0);
    }
}

#[inline(never)]
fn sink(heap: &mut [Key], mut root: usize) {
    loop {
        let mut child = 2 * root + 1;
        if child + 1 < heap.len() && heap[child] < heap[child + 1] {
            child += 1;
        }
        if child >= heap.len() || heap[child] <= heap[root] {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
}

#[cfg(test)]
mod tests {
    use super::{by_key, by_number};

    #[test]
    fn equal_keys_stay_in_order() {
        let sorted = by_key(vec![(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd')], |item| [0, item.0, 0]);
        assert_eq!(sorted, [(1, 'b'), (1, 'd'), (2, 'a'), (2, 'c')]);
        assert_eq!(by_number(vec![3, u64::MAX, 0], |number| *number), [0, 3, u64::MAX]);
        assert!(by_number(Vec::new(), |_: &u64| 0).is_empty());
        // Circles of one, two and four places.
        assert_eq!(by_number(vec![40, 10, 30, 20, 60, 50, 70], |number| *number), [10, 20, 30, 40, 50, 60, 70]);
    }
}
