//! The order of what reports list.
//!
//! A sort of std is some kilobytes of code for each type that it sorts. Reports are rare, and programs should not be large for them, so all share one: of keys with places.

/// The items by their keys; those with the same key stay in order.
pub(crate) fn by_key<T>(mut items: Vec<T>, key: impl Fn(&T) -> [u64; 3]) -> Vec<T> {
    let mut keys = Vec::with_capacity(items.len());
    items.iter().for_each(|item| keys.push((key(item), keys.len())));
    let mut sources = sorted(keys);
    // Each circle of places that exchange their items, one after the other.
    for start in 0..items.len() {
        let mut place = start;
        loop {
            let source = std::mem::replace(&mut sources[place], place);
            if source == start {
                break;
            }
            items.swap(place, source);
            place = source;
        }
    }
    items
}

/// From which place the item of each place comes.
#[inline(never)]
fn sorted(mut keys: Vec<([u64; 3], usize)>) -> Vec<usize> {
    keys.sort_unstable();
    keys.into_iter().map(|(_, place)| place).collect()
}

/// The items by a number.
pub(crate) fn by_number<T>(items: Vec<T>, number: impl Fn(&T) -> u64) -> Vec<T> {
    by_key(items, |item| [number(item), 0, 0])
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
