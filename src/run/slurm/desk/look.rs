//! How jobs stand, by one question for all; what that leaves open is asked for among all users' jobs, by one more, and then one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::super::client::Trouble;
use super::super::ending::How;
use super::super::queue::{self, FORMAT, Row};
use super::hand_over::unusable;
use super::{Shared, Sight};
use crate::run::attempt::Attempt;
use crate::run::submission::Submission;

/// A job that was about to be submitted, and that the queue does not show, is looked for this long.
const UNSURE: Duration = Duration::from_secs(10);

/// As long as this if the queue of all users cannot be read: submitted twice it would still be done once.
const UNSEEN: Duration = Duration::from_secs(60);

/// No more batches than this are asked for by name.
const NAMES: usize = 2000;

impl Shared {
    /// Looks how all jobs stand, by one question.
    pub(super) fn look(&self) {
        let wanted: Vec<(String, Submission)> = {
            let state = self.state();
            let alive = state.watches.iter().filter(|(_, watch)| watch.is_alive());
            alive
                .filter_map(|(attempt, watch)| Some((attempt.clone(), watch.submission.clone()?)))
                .collect()
        };
        if wanted.is_empty() {
            return;
        }
        let names = wanted.iter().map(|(_, submission)| submission.name.clone()).collect();
        let rows = match self.rows(&names) {
            Ok(rows) => rows,
            Err(trouble) => return self.not_answered(&trouble),
        };
        let (left_to_pilots, wanted): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .partition(|(_, submission)| self.queue(&submission.name).is_some());
        let mut queues: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (attempt, submission) in left_to_pilots {
            queues.entry(submission.name).or_default().push(attempt);
        }
        for (name, attempts) in queues {
            self.look_at_queue(&name, &attempts, &rows);
        }
        let shown = Shown::of(&rows);
        let mut missing = Vec::new();
        for (attempt, submission) in wanted {
            match shown.row(&submission) {
                Some(row) => self.found(&attempt, &submission, row),
                None => missing.push((attempt, submission)),
            }
        }
        match self.look_among_all(&missing) {
            Ok(()) => self.state().trouble = None,
            Err(trouble) => self.tell_trouble(&trouble),
        }
        self.changed.notify_all();
    }

    /// Jobs that are not among the user's own may be in the queue under the name of another user of the store, whose run this one goes on
    /// with. What is not there either has ended, or was never submitted.
    fn look_among_all(&self, missing: &[(String, Submission)]) -> Result<(), Trouble> {
        let names = missing.iter().map(|(_, submission)| submission.name.clone()).collect();
        let asked = self.rows_of_all(&names);
        let rows = asked.as_deref().unwrap_or_default();
        let shown = Shown::of(rows);
        for (attempt, submission) in missing {
            match shown.row(submission) {
                Some(row) => self.found(attempt, submission, row),
                // It may be there: asked again next time.
                None if asked.is_err() && submission.job.is_none() && self.is_awaited(attempt) => {}
                None => self.missed(attempt, submission),
            }
        }
        asked.map(|_| ())
    }

    fn is_awaited(&self, attempt: &str) -> bool {
        let state = self.state();
        let watch = state.watches.get(attempt);
        watch.is_some_and(|watch| watch.since.elapsed() < UNSEEN)
    }

    fn found(&self, attempt: &str, submission: &Submission, row: &Row) {
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(attempt) else {
            return;
        };
        if submission.job != Some(row.job) {
            let known = Submission {
                job: Some(row.job),
                ..submission.clone()
            };
            // It is found again by its name if this cannot be kept.
            let _ = known.leave(&watch.job);
            watch.submitted(known);
        }
        watch.stands(&row.state, row.node.clone(), row.reason.clone(), row.start);
    }

    /// A job that the queue does not show: it has ended some time ago, or was never submitted.
    fn missed(&self, attempt: &str, submission: &Submission) {
        let told = match submission.job {
            Some(_) => self.ask_for(submission),
            None => Ok(None),
        };
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(attempt) else {
            return;
        };
        match told {
            Ok(Some((how, node, reason))) => watch.stands(&how, node, reason, None),
            Ok(None) if submission.job.is_some() => watch.ended(How::Vanished, None),
            Ok(None) if watch.since.elapsed() >= UNSURE => {
                let attempt = Attempt::of(&watch.job, attempt);
                if attempt.has_begun() {
                    watch.ended(How::Vanished, None);
                } else {
                    watch.sight = Sight::NeverSubmitted;
                }
            }
            // Asked again next time.
            Ok(None) | Err(_) => {}
        }
    }

    /// The number of the batch of this name, if Slurm has one.
    pub(super) fn find(&self, name: &str) -> Result<Option<u64>, Trouble> {
        let rows = self.rows(&BTreeSet::from([name.to_owned()]))?;
        Ok(rows.iter().find(|row| row.name == name).map(|row| row.job))
    }

    pub(super) fn rows(&self, names: &BTreeSet<String>) -> Result<Vec<Row>, Trouble> {
        let mut arguments = vec![
            "--noheader".to_owned(),
            "--me".to_owned(),
            "--states=all".to_owned(),
            format!("--format={FORMAT}"),
        ];
        arguments.extend(wanted_names(names));
        Ok(queue::rows(&self.call("squeue", &arguments, "")?))
    }

    /// The same of all users. Always by name: there may be far more jobs than these.
    fn rows_of_all(&self, names: &BTreeSet<String>) -> Result<Vec<Row>, Trouble> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut rows = Vec::new();
        for names in names.chunks(NAMES) {
            let mut arguments = ["--noheader", "--states=all"].map(str::to_owned).to_vec();
            arguments.extend([format!("--format={FORMAT}"), format!("--name={}", names.join(","))]);
            rows.extend(queue::rows(&self.call("squeue", &arguments, "")?));
        }
        Ok(rows)
    }

    /// Asks `scontrol`, and `sacct` where there is accounting, for one job. None: they do not know it.
    #[expect(clippy::type_complexity, reason = "state, node, reason")]
    pub(super) fn ask_for(
        &self,
        submission: &Submission,
    ) -> Result<Option<(String, Option<String>, Option<String>)>, Trouble> {
        let id = submission.id();
        let arguments = ["show", "job", "--oneliner", &id].map(str::to_owned);
        match self.client.call("scontrol", &arguments, "") {
            Ok(text) => {
                if let Some(shown) = queue::shown(&text, submission.index) {
                    return Ok(Some(shown));
                }
            }
            Err(trouble) if trouble.is_unknown_job() => {}
            Err(trouble) => return Err(trouble),
        }
        let arguments = [
            "--noheader".to_owned(),
            "--parsable2".to_owned(),
            "--allocations".to_owned(),
            "--format=State,NodeList".to_owned(),
            format!("--jobs={id}"),
        ];
        // Where there is no accounting it says so, and nothing is known.
        let said = self.client.call("sacct", &arguments, "").ok();
        let accounted = said.and_then(|text| queue::accounted(&text));
        Ok(accounted.map(|(state, node)| (state, node, None)))
    }

    /// The queue could not be asked. That is no end, unless there seems to be no Slurm here: then those who wait are told so, and what
    /// an earlier run has handed over is left to the next one.
    fn not_answered(&self, trouble: &Trouble) {
        let asked = {
            let mut state = self.state();
            state.asked_in_vain += 1;
            state.asked_in_vain
        };
        if !self.is_given_up(trouble, asked) {
            return self.tell_trouble(trouble);
        }
        let error = unusable(format!("Slurm cannot be asked how its jobs stand: {trouble}"));
        let mut state = self.state();
        for watch in state.watches.values_mut().filter(|watch| watch.is_alive()) {
            watch.sight = Sight::OutOfReach(error.clone());
        }
        self.changed.notify_all();
    }

    /// Tells those who wait that the queue cannot be asked, once.
    pub(super) fn tell_trouble(&self, trouble: &Trouble) {
        let said = trouble.to_string();
        let mut state = self.state();
        if state.trouble.as_ref() != Some(&said) {
            for watch in state.watches.values_mut() {
                watch.news.push(format!(
                    "{said}; the job is taken to go on, and the queue is asked again"
                ));
            }
            state.trouble = Some(said);
            self.changed.notify_all();
        }
    }
}

/// The argument of `squeue` that names the batches. None if there are so many that it would be too long for a program: all jobs of the user are
/// asked for then, and those of other names passed over.
pub(super) fn wanted_names(names: &BTreeSet<String>) -> Option<String> {
    if names.len() > NAMES {
        return None;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Some(format!("--name={}", names.join(",")))
}

/// What the queue shows, by what a job is looked for by: one pass over the rows, not one for each job.
pub(super) struct Shown<'r> {
    single: HashMap<(&'r str, u32), Vec<&'r Row>>,
    several: HashMap<&'r str, Vec<&'r Row>>,
}

impl<'r> Shown<'r> {
    pub(super) fn of(rows: &'r [Row]) -> Self {
        let (mut single, mut several) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for row in rows {
            match row.only() {
                Some(index) => single.entry((row.name.as_str(), index)).or_default().push(row),
                None => several.entry(row.name.as_str()).or_default().push(row),
            }
        }
        Self { single, several }
    }

    /// How a job stands. If it was taken twice, the one that goes on counts.
    pub(super) fn row(&self, submission: &Submission) -> Option<&'r Row> {
        let (name, index) = (submission.name.as_str(), submission.index);
        let single = self.single.get(&(name, index)).into_iter().flatten();
        let several = self.several.get(name).into_iter().flatten();
        let of_it = single.chain(several.filter(|row| row.is_of(index)));
        of_it.copied().min_by_key(|row| How::of(&row.state).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, index: u32) -> Submission {
        Submission {
            attempt: String::new(),
            name: name.to_owned(),
            index,
            job: None,
            at: 0,
            memory_mib: None,
        }
    }

    #[test]
    fn each_job_finds_its_own_row_and_of_two_the_one_that_goes_on() {
        let rows = queue::rows(
            "7_[2-4,9]|PENDING||Priority|N/A|a\n7_0|RUNNING|n1|None|5|a\n7_1|COMPLETED|n1|None|5|a\n\
             8_1|RUNNING|n2|None|5|a\n9|RUNNING|n3|None|5|b\n10_[0-1,...]|PENDING||Priority|N/A|c\n",
        );
        let shown = Shown::of(&rows);
        let found = |name: &str, index: u32| shown.row(&of(name, index)).map(|row| (row.job, row.state.as_str()));
        assert_eq!(found("a", 0), Some((7, "RUNNING")));
        assert_eq!(found("a", 1), Some((8, "RUNNING")));
        assert_eq!(found("a", 3), Some((7, "PENDING")));
        assert_eq!((found("a", 5), found("d", 0)), (None, None));
        assert_eq!(found("b", 0), Some((9, "RUNNING")));
        assert_eq!(found("c", 400), Some((10, "PENDING")));
    }

    #[test]
    fn names_that_are_too_many_for_an_argument_are_left_out() {
        let names = |count: usize| (0..count).map(|at| format!("asm-pipe-{at:012x}")).collect();
        let longest = wanted_names(&names(NAMES)).unwrap();
        assert!(longest.starts_with("--name=asm-pipe-000000000000,asm-pipe-000000000001,"));
        // Linux takes 128 KiB an argument.
        assert!(longest.len() < 100 << 10, "{}", longest.len());
        assert_eq!(wanted_names(&names(NAMES + 1)), None);
    }
}
