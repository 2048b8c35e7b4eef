//! What `squeue`, `scontrol` and `sacct` print, as data. Never fails: a line that makes no sense says nothing.

use std::ops::RangeInclusive;

/// The fields that `squeue` is asked for.
pub(super) const FORMAT: &str = "%i|%T|%N|%r|%S|%j";

/// Jobs in the queue that stand alike: one, or waiting ones of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The job, or the array.
    pub(super) job: u64,
    tasks: Tasks,
    /// How it stands, in Slurm's word.
    pub(super) state: String,
    pub(super) node: Option<String>,
    /// Why it waits, or how it ended.
    pub(super) reason: Option<String>,
    /// When it began, or is expected to: seconds since 1970.
    pub(super) start: Option<u64>,
    pub(super) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tasks {
    /// It is no array.
    None,
    /// These of an array.
    These(Vec<RangeInclusive<u32>>),
    /// Slurm has shortened the list.
    Shortened(Vec<RangeInclusive<u32>>),
}

impl Row {
    /// How many jobs are meant.
    pub(super) fn count(&self) -> usize {
        match &self.tasks {
            Tasks::None => 1,
            Tasks::These(ranges) | Tasks::Shortened(ranges) => ranges.iter().map(|range| range.clone().count()).sum(),
        }
    }

    /// The place in its array of the only job that is meant.
    pub(super) fn only(&self) -> Option<u32> {
        match &self.tasks {
            Tasks::None => Some(0),
            Tasks::These(ranges) => match ranges.as_slice() {
                [range] if range.start() == range.end() => Some(*range.start()),
                _ => None,
            },
            Tasks::Shortened(_) => None,
        }
    }

    /// Whether the job of this place in its array is meant. A list that Slurm has shortened may mean any.
    pub(super) fn is_of(&self, index: u32) -> bool {
        let is_in = |ranges: &[RangeInclusive<u32>]| ranges.iter().any(|range| range.contains(&index));
        match &self.tasks {
            Tasks::None => index == 0,
            Tasks::These(ranges) => is_in(ranges),
            Tasks::Shortened(ranges) => is_in(ranges) || ranges.iter().all(|range| *range.end() < index),
        }
    }
}

/// The rows of `squeue`.
pub(super) fn rows(text: &str) -> Vec<Row> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let mut fields = line.trim().splitn(6, '|');
    let mut field = || fields.next().map(str::trim);
    let (job, tasks) = id(field()?)?;
    let given = |text: &str| !matches!(text, "" | "None" | "N/A" | "(null)" | "n/a");
    let some = |text: &str| given(text).then(|| text.to_owned());
    Some(Row {
        job,
        tasks,
        state: field()?.to_owned(),
        node: field().and_then(some),
        reason: field().and_then(some),
        start: field().and_then(|text| text.parse().ok()),
        name: field().unwrap_or_default().to_owned(),
    })
}

/// `12`, `12_3`, `12_[0-3,7%2]`, `12_[0-3,...]`.
fn id(text: &str) -> Option<(u64, Tasks)> {
    let Some((job, tasks)) = text.split_once('_') else {
        return Some((text.parse().ok()?, Tasks::None));
    };
    let job = job.parse().ok()?;
    let list = tasks.trim_start_matches('[').trim_end_matches(']');
    let list = list.split('%').next().unwrap_or_default();
    let is_shortened = list.contains("...");
    let ranges = list.split(',').filter_map(range).collect();
    Some(if is_shortened {
        (job, Tasks::Shortened(ranges))
    } else {
        (job, Tasks::These(ranges))
    })
}

/// `3`, `0-3`; of `0-8:2` all between, for there is none of ours left out.
fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let text = text.trim().split(':').next()?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// The state, node and reason of one task in what `scontrol show job --oneliner` prints.
pub(super) fn shown(text: &str, index: u32) -> Option<(String, Option<String>, Option<String>)> {
    text.lines().find_map(|line| {
        let value = |name: &str| {
            let mut words = line.split_whitespace();
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let given = |text: &String| !matches!(text.as_str(), "" | "None" | "(null)");
        let is_meant = match value("ArrayTaskId") {
            Some(tasks) => tasks
                .split('%')
                .next()?
                .split(',')
                .filter_map(range)
                .any(|range| range.contains(&index)),
            None => true,
        };
        let state = value("JobState").filter(|_| is_meant)?;
        let node = value("NodeList").or_else(|| value("BatchHost")).filter(given);
        Some((state, node, value("Reason").filter(given)))
    })
}

/// The state and node in what `sacct --parsable2 --noheader --format=State,NodeList` prints of one job.
pub(super) fn accounted(text: &str) -> Option<(String, Option<String>)> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let (state, node) = line.split_once('|').unwrap_or((line, ""));
    let node = Some(node).filter(|node| !matches!(*node, "" | "None assigned"));
    Some((state.to_owned(), node.map(str::to_owned)))
}

/// The job's number in what `sbatch --parsable` prints: `12`, or `12;cluster`. Warnings may stand before it.
pub(super) fn submitted(text: &str) -> Option<u64> {
    let mut lines = text.lines().rev();
    lines.find_map(|line| line.trim().split(';').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_what_is_said_of_them() {
        let found = rows(
            "12_3|RUNNING|node2|None|1700000000|asm-pipe-a\n\
             12_[4-6]|PENDING||Priority|N/A|asm-pipe-a\n\
             13|COMPLETED|node1|None|1700000001|asm-pipe-b\n",
        );
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].job, found[0].node.as_deref()), (12, Some("node2")));
        assert_eq!(
            (found[0].start, found[0].reason.as_deref()),
            (Some(1_700_000_000), None)
        );
        assert_eq!((found[1].start, found[1].reason.as_deref()), (None, Some("Priority")));
        assert!(found[0].is_of(3) && !found[0].is_of(4));
        assert!(found[1].is_of(4) && found[1].is_of(6) && !found[1].is_of(7));
        assert!(found[2].is_of(0) && !found[2].is_of(1));
    }

    #[test]
    fn ranges_of_arrays_are_read_in_every_form() {
        let is_of = |id: &str| {
            let row = &rows(&format!("{id}|PENDING||||n"))[0];
            (0..12).filter(|index| row.is_of(*index)).collect::<Vec<u32>>()
        };
        assert_eq!(is_of("9_[0,2-4,7%2]"), [0, 2, 3, 4, 7]);
        assert_eq!(is_of("9_[1]"), [1]);
        assert_eq!(is_of("9_5"), [5]);
        // What Slurm leaves out may be any behind the last that it names: it is taken to be there.
        assert_eq!(is_of("9_[0-1,8,...]"), [0, 1, 8, 9, 10, 11]);
    }

    #[test]
    fn lines_that_make_no_sense_say_nothing() {
        for text in [
            "",
            "slurm_load_jobs error: Unable to contact",
            "x_[1]|RUNNING",
            "12",
            "|||||",
        ] {
            assert_eq!(rows(text), [], "{text}");
        }
    }

    #[test]
    fn one_job_is_found_in_what_scontrol_and_sacct_say() {
        let text = "JobId=13 ArrayJobId=12 ArrayTaskId=2 JobName=a JobState=NODE_FAIL Reason=NodeDown NodeList=n3 BatchHost=n3\n\
                    JobId=12 ArrayJobId=12 ArrayTaskId=5-7%2 JobName=a JobState=PENDING Reason=Priority NodeList=(null)\n";
        let (state, node, reason) = shown(text, 2).unwrap();
        assert_eq!(
            (state.as_str(), node.as_deref(), reason.as_deref()),
            ("NODE_FAIL", Some("n3"), Some("NodeDown"))
        );
        assert_eq!(shown(text, 6).unwrap().0, "PENDING");
        assert_eq!(shown(text, 1), None);
        assert_eq!(
            accounted("\nCANCELLED by 1000|n1\n"),
            Some(("CANCELLED by 1000".to_owned(), Some("n1".to_owned())))
        );
        assert_eq!(accounted("PENDING|None assigned"), Some(("PENDING".to_owned(), None)));
        assert_eq!(accounted(" \n"), None);
    }

    #[test]
    fn the_number_of_a_new_job_is_found_behind_warnings() {
        assert_eq!(submitted("12\n"), Some(12));
        assert_eq!(submitted("12;cluster\n"), Some(12));
        assert_eq!(submitted("sbatch: welcome\n77\n"), Some(77));
        assert_eq!(submitted("Submitted\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_slurm_prints_panics(text in "[0-9a-zA-Z_|\\[\\],.%:=\\- \n]{0,120}") {
            let _ = (rows(&text), shown(&text, 3), accounted(&text), submitted(&text));
        }
    }
}
