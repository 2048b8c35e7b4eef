//! Which jobs go to Slurm together, and under which names.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::super::PREFIX;
use super::super::shape::Shape;
use super::Wish;
use crate::run::clock::now;
use crate::run::resources::node_name;
use crate::store::Digest;

/// No more go in one batch: clusters bound the length of arrays, usually by 1000.
const MOST: usize = 500;

/// Jobs that go together under one name.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) name: String,
    pub(super) wishes: Vec<Wish>,
    pub(super) due: Instant,
    pub(super) tries: u32,
}

/// Jobs of one shape go together.
pub(super) fn batches(wishes: impl Iterator<Item = Wish>) -> Vec<Batch> {
    let mut shapes: BTreeMap<Shape, Vec<Wish>> = BTreeMap::new();
    for wish in wishes {
        shapes.entry(wish.shape.clone()).or_default().push(wish);
    }
    let mut batches = Vec::new();
    for mut wishes in shapes.into_values() {
        while !wishes.is_empty() {
            let rest = wishes.split_off(wishes.len().min(MOST));
            batches.push(Batch {
                name: format!("{PREFIX}{}", new_name()),
                wishes: std::mem::replace(&mut wishes, rest),
                due: Instant::now(),
                tries: 0,
            });
        }
    }
    batches
}

/// A name that no attempt or batch has.
pub(super) fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let text = format!("{} {} {} {count}", node_name(), std::process::id(), now());
    let digest = Digest::of_bytes(text.as_bytes()).to_string();
    digest.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::batches;
    use crate::run::attempt::Attempt;
    use crate::run::slurm::desk::Wish;
    use crate::run::slurm::shape::Shape;

    #[test]
    fn jobs_that_ask_for_the_same_go_together_and_not_too_many_at_once() {
        let shape = |cpus: u32| Shape {
            cpus,
            memory_mib: None,
            gpus: 0,
            minutes: None,
            flags: Vec::new(),
        };
        let wish = |number: usize| Wish {
            attempt: Attempt::at(Path::new(&format!("/job/{number}"))),
            job: PathBuf::from("/job"),
            shape: shape(if number.is_multiple_of(3) { 2 } else { 1 }),
        };
        let batches = batches((0..1200).map(wish));
        let counts: Vec<(u32, usize)> = batches
            .iter()
            .map(|batch| (batch.wishes[0].shape.cpus, batch.wishes.len()))
            .collect();
        assert_eq!(counts, [(1, 500), (1, 300), (2, 400)]);
        let names: BTreeSet<&str> = batches.iter().map(|batch| batch.name.as_str()).collect();
        assert_eq!(names.len(), 3);
    }
}
