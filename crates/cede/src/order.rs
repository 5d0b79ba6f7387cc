//! The order of what reports list.
//!
//! A sort of std is some kilobytes of code for each type that it sorts. Reports are rare, and programs should not be large for them, so all share one: of keys with places.

/// The items by their keys; those with the same key stay in order.
pub(crate) fn by_key<T>(items: Vec<T>, key: impl Fn(&T) -> [u64; 3]) -> Vec<T> {
    let mut places: Vec<([u64; 3], usize)> = items.iter().enumerate().map(|(place, item)| (key(item), place)).collect();
    places.sort_unstable();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    places.into_iter().filter_map(|(_, place)| items[place].take()).collect()
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
    }
}
