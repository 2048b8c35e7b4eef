//! "Did you mean": the nearest of the names that would have been right.

/// The candidate that `given` was most likely meant to be; none if nothing is near.
///
/// A difference of case, or of `-` and `_`, is always near. Otherwise up to a third of the letters may be wrong,
/// swapped neighbours counting as one mistake; or the one may be the beginning of the other.
pub fn suggest<S: AsRef<str>>(given: &str, candidates: impl IntoIterator<Item = S>) -> Option<String> {
    let folded = fold(given);
    let allowed = (folded.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|candidate| candidate.as_ref() != given)
        .filter_map(|candidate| {
            let candidate = candidate.as_ref();
            let other = fold(candidate);
            let distance = strsim::damerau_levenshtein(&folded, &other);
            let shorter = folded.len().min(other.len());
            let begins = shorter >= 3 && (other.starts_with(&folded) || folded.starts_with(&other));
            // A single letter has nothing in common with another one.
            let near = distance == 0 || (distance <= allowed && distance < folded.chars().count());
            let rank = match (near, begins) {
                (true, _) => distance,
                (false, true) => allowed + 1,
                (false, false) => return None,
            };
            Some((rank, candidate.to_owned()))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: [&str; 5] = ["detect", "merge", "select", "retrain", "validate"];

    #[test]
    fn swapped_letters_are_one_mistake() {
        assert_eq!(suggest("mrege", STAGES).as_deref(), Some("merge"));
        assert_eq!(suggest("sue", ["uses", "in", "use"]).as_deref(), Some("use"));
    }

    #[test]
    fn case_and_dashes_do_not_matter() {
        assert_eq!(suggest("Select", STAGES).as_deref(), Some("select"));
        assert_eq!(
            suggest("parse_voc", ["merge-sa", "parse-voc"]).as_deref(),
            Some("parse-voc")
        );
    }

    #[test]
    fn the_nearest_wins_and_ties_go_by_name() {
        assert_eq!(suggest("retrein", ["retain", "retrain"]).as_deref(), Some("retrain"));
        assert_eq!(suggest("bat", ["cat", "hat"]).as_deref(), Some("cat"));
    }

    #[test]
    fn a_beginning_is_near() {
        assert_eq!(
            suggest("select", ["select-topk-v3", "evaluate"]).as_deref(),
            Some("select-topk-v3")
        );
    }

    #[test]
    fn nothing_near_suggests_nothing() {
        assert_eq!(suggest("banana", STAGES), None);
        assert_eq!(suggest("x", ["y"]), None);
        assert_eq!(suggest("merge", ["merge"]), None);
        assert_eq!(suggest("", STAGES), None);
    }
}
