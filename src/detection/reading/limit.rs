//! A part of a set that looks like the whole.

/// At most `limit` of the entries, in their order and evenly spread: of a set that is listed class by class, which is how
/// many folders are sorted, the front alone would be the first classes.
pub(in crate::detection) fn spread<T>(entries: Vec<T>, limit: Option<usize>) -> Vec<T> {
    let count = entries.len();
    match limit {
        Some(limit) if limit < count => {
            let mut chosen = (0..limit).map(|turn| turn * count / limit).peekable();
            let all = entries.into_iter().enumerate();
            all.filter_map(|(at, entry)| chosen.next_if_eq(&at).map(|_| entry))
                .collect()
        }
        _ => entries,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_takes_as_much_from_every_part_of_a_list() {
        let by_class: Vec<(char, usize)> = "abc"
            .chars()
            .flat_map(|class| (0..10).map(move |at| (class, at)))
            .collect();
        let few = spread(by_class.clone(), Some(6));
        assert_eq!(few, [('a', 0), ('a', 5), ('b', 0), ('b', 5), ('c', 0), ('c', 5)]);
        let odd = spread(by_class.clone(), Some(7));
        assert_eq!(
            odd,
            [('a', 0), ('a', 4), ('a', 8), ('b', 2), ('b', 7), ('c', 1), ('c', 5)]
        );
        assert_eq!(spread(by_class.clone(), Some(0)), []);
        for enough in [None, Some(30), Some(31)] {
            assert_eq!(spread(by_class.clone(), enough), by_class);
        }
    }
}
