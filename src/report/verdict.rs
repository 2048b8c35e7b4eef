//! What a comparison shows, in plain sentences; never more than the tests allow.

use super::comparison::{AxisComparison, Comparison, Duel, SHARES, Standing, ranked};
use super::scatter::Scatter;
use super::trials::Role;
use crate::statistics::{Mean, least_wilcoxon, paired_t};

/// The level below which a difference is claimed.
const LEVEL: f64 = 0.05;

/// Below this AP50 a model finds next to nothing.
const FOUND: f64 = 0.05;

/// What can be said, and what must be known to read it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// What the data bear out, the most important first.
    pub findings: Vec<String>,
    /// What weakens them.
    pub cautions: Vec<String>,
}

impl Verdict {
    /// The verdict on a comparison.
    #[must_use]
    pub fn of(comparison: &Comparison) -> Self {
        let mut verdict = Self::default();
        for setting in &comparison.settings {
            let Some(main) = setting.axes.first() else { continue };
            let prefix = match setting.name.as_str() {
                "" => String::new(),
                name => format!("On {name}: "),
            };
            let mut findings = findings(main);
            if let Some(first) = findings.first_mut() {
                *first = prefix + first;
            }
            verdict.findings.extend(findings);
        }
        if let Some(main) = comparison.main() {
            verdict.cautions = cautions(main);
        }
        if let Some(ranks) = &comparison.ranks {
            verdict.findings.push(ranks_sentence(ranks));
        }
        verdict
    }
}

fn findings(main: &AxisComparison) -> Vec<String> {
    let ranked = ranked(main);
    let mut findings = Vec::new();
    match (&ranked[..], main.range) {
        ([first, ..], Some(range)) if ranked.len() > 1 => {
            findings.push(if are_alike(&ranked) {
                alike(main, first, range)
            } else {
                leader(main, first, range)
            });
            if main.seeds() > 1 && !are_alike(&ranked) {
                findings.push(differences(main, first));
                // What comes first is what may be claimed.
                if !main.duels.iter().any(is_claimed) {
                    findings.swap(0, 1);
                }
                let scatter = Scatter::of(main, is_claimed);
                findings.extend(scatter.iter().flat_map(|scatter| scatter.sentences(LEVEL)));
            }
        }
        ([only], _) => {
            let area = only.area.map_or_else(String::new, |area| mean_text(&area));
            findings.push(format!(
                "Only `{}` has a curve over {}: its mean AP50 is {area}.",
                only.strategy,
                main.axis.label()
            ));
        }
        _ if main.standings.len() > 1 => findings.push(format!(
            "The strategies share no range of {}: their curves cannot be compared by area.",
            main.axis.label()
        )),
        _ => {}
    }
    if ranked.len() > 1 || main.has_full {
        findings.push(reaching(main));
    }
    if main.has_random {
        findings.extend(saved(main));
    }
    findings
}

/// Whether all areas are the same, as where nothing is found at all.
fn are_alike(ranked: &[&Standing]) -> bool {
    let areas = || ranked.iter().filter_map(|standing| Some(standing.area?.mean));
    areas().fold(f64::NEG_INFINITY, f64::max) - areas().fold(f64::INFINITY, f64::min) < 1e-9
}

fn alike(main: &AxisComparison, first: &Standing, (low, high): (f64, f64)) -> String {
    let (axis, area) = (main.axis, first.area.map_or_else(String::new, |area| mean_text(&area)));
    let (from, to, of) = (axis.figure(low), axis.figure(high), axis.label());
    format!(
        "All strategies have the same mean AP50 from {from} to {to} {of}: {area}. Nothing can be said of their order."
    )
}

fn leader(main: &AxisComparison, first: &Standing, (low, high): (f64, f64)) -> String {
    let (axis, area) = (main.axis, first.area.map_or_else(String::new, |area| mean_text(&area)));
    let (from, to, of) = (axis.figure(low), axis.figure(high), axis.label());
    let seeds = match main.seeds() {
        1 => "one seed".to_owned(),
        seeds => format!("{seeds} seeds"),
    };
    let chance = if main.seeds() < 2 { ", which may be chance" } else { "" };
    format!(
        "`{}` has the highest mean AP50 from {from} to {to} {of}: {area}, {seeds}{chance}.",
        first.strategy
    )
}

fn differences(main: &AxisComparison, first: &Standing) -> String {
    let claimed: Vec<&Duel> = main.duels.iter().filter(|duel| is_claimed(duel)).collect();
    let pairs = main.duels.len();
    let how = match pairs {
        1 => format!("paired t test over {} seeds, p < 0.05", main.seeds()),
        pairs => format!(
            "paired t test over {} seeds, Holm over {pairs} pairs, p < 0.05",
            main.seeds()
        ),
    };
    if claimed.is_empty() {
        return match pairs {
            1 => format!("The difference is no larger than seeds explain ({how}): it may be chance."),
            _ => format!("No two strategies differ by more than seeds explain ({how}): the order may be chance."),
        };
    }
    let beaten: Vec<&str> = claimed
        .iter()
        .filter(|duel| duel.first == first.strategy)
        .map(|duel| duel.second.as_str())
        .collect();
    let open = main.duels.iter().filter(|duel| !is_claimed(duel)).filter_map(|duel| {
        let is_first = |name: &String| *name == first.strategy;
        if is_first(&duel.first) {
            Some(duel.second.as_str())
        } else {
            is_first(&duel.second).then_some(duel.first.as_str())
        }
    });
    let open: Vec<&str> = open.collect();
    let others = claimed.len() - beaten.len();
    let mut text = match beaten.is_empty() {
        true => format!("Its lead over the others is no larger than seeds explain ({how})"),
        false => format!("It is ahead of {} by more than seeds explain ({how})", list(&beaten)),
    };
    if !beaten.is_empty() && !open.is_empty() {
        text += &format!("; against {} nothing can be claimed", list(&open));
    }
    text += ".";
    if others > 0 {
        text += &format!(" Of the other pairs, {others} differ by more than seeds explain.");
    }
    text
}

/// Whether the difference of two strategies holds against Holm's correction.
fn is_claimed(duel: &Duel) -> bool {
    duel.t.is_some_and(|p| p[1] < LEVEL)
}

/// Which strategies reach the shares, and at what cost.
fn reaching(main: &AxisComparison) -> String {
    let of = match main.has_full {
        true => "full supervision's AP50",
        false => "the best last AP50",
    };
    let mut texts = Vec::new();
    for (at, share) in SHARES.into_iter().enumerate() {
        let Some(target) = main.targets.get(at) else { continue };
        let mut reached: Vec<(&Standing, Mean)> = main
            .standings
            .iter()
            .filter(|standing| standing.role != Role::Full)
            .filter_map(|standing| Some((standing, standing.reach.get(at)?.mean()?)))
            .collect();
        reached.sort_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
        let percent = format!("{:.0} % of {of} ({target:.3})", share * 100.0);
        texts.push(match &reached[..] {
            [] => format!("No strategy reaches {percent} with every seed."),
            [(standing, cost), others @ ..] => {
                let unit = main.axis.label();
                let more = match others.len() {
                    0 => ", alone".to_owned(),
                    1 => ", the least of 2".to_owned(),
                    others => format!(", the least of {}", others + 1),
                };
                let cost = main.axis.figure(cost.mean);
                format!(
                    "`{}` reaches {percent} after {cost} {unit} on average{more} that reach it with every seed.",
                    standing.strategy
                )
                .replace(
                    ", alone that reach it with every seed",
                    "; no other does with every seed",
                )
            }
        });
    }
    texts.join(" ")
}

/// What the best strategy saves against random sampling at the first share, if both reach it with every seed.
fn saved(main: &AxisComparison) -> Option<String> {
    let random = main.standings.iter().find(|standing| standing.role == Role::Random)?;
    let best = ranked(main)
        .into_iter()
        .find(|standing| standing.role == Role::Strategy)?;
    let (ours, theirs) = (best.reach.first()?, random.reach.first()?);
    let (our_cost, their_cost) = (ours.mean()?.mean, theirs.mean()?.mean);
    let differences: Vec<f64> = ours
        .costs
        .iter()
        .filter_map(|(seed, cost)| Some(theirs.costs.get(seed)? - cost))
        .collect();
    let percent = (1.0 - our_cost / their_cost) * 100.0;
    // As when both are there before any round.
    if percent.abs() < 0.5 {
        return None;
    }
    let way = if percent >= 0.0 { "less" } else { "more" };
    let chance = match paired_t(&differences) {
        Some(test) if test.p < LEVEL => format!("paired t test over seeds, p = {:.3}", test.p),
        Some(test) => format!("which may be chance: paired t test over seeds, p = {:.2}", test.p),
        None => "one seed: it may be chance".to_owned(),
    };
    let share = SHARES[0] * 100.0;
    Some(format!(
        "To {share:.0} % `{}` takes {:.0} % {way} {} than `{}` ({chance}).",
        best.strategy,
        percent.abs(),
        main.axis.label(),
        random.strategy
    ))
}

fn cautions(main: &AxisComparison) -> Vec<String> {
    let (seeds, pairs) = (main.seeds(), main.duels.len());
    let mut cautions = Vec::new();
    if main.standings.len() > 1 {
        match seeds {
            0 | 1 => cautions.push("One seed: no interval and no test. Which strategy is ahead may be chance.".to_owned()),
            2..6 => cautions.push(format!(
                "{seeds} seeds: Wilcoxon's exact test cannot give a p below {} and so never passes 0.05; only the t test can, which trusts \
                 that differences are normal. Six seeds or more would show more.",
                least_wilcoxon(seeds)
            )),
            _ if least_wilcoxon(seeds) * pairs as f64 >= LEVEL => cautions.push(format!(
                "{seeds} seeds and {pairs} pairs: after Holm's correction Wilcoxon's exact test gives no pair a p below 0.05 alone."
            )),
            _ => {}
        }
        if !main.has_random {
            cautions.push(
                "No random baseline: whether any strategy is better than drawing at random cannot be said.".to_owned(),
            );
        }
        if !main.has_full {
            cautions.push(
                "No full supervision: shares are of the best last AP50, which favours whoever has it.".to_owned(),
            );
        }
        let last = main.standings.iter().filter_map(|standing| Some(standing.last?.mean));
        let best = last.fold(0.0, f64::max);
        if best < FOUND {
            cautions.push(format!(
                "The best last AP50 is {best:.3}: the models find next to nothing, and what differs means nothing."
            ));
        }
        let uneven = main
            .standings
            .iter()
            .any(|standing| standing.role != Role::Full && standing.seeds < seeds);
        if uneven {
            cautions
                .push("Not every strategy has every seed: pairs are tested on the seeds that both have.".to_owned());
        }
    }
    cautions
}

fn ranks_sentence(ranks: &super::comparison::Ranks) -> String {
    let test = ranks.friedman;
    let best = ranks
        .ranks
        .iter()
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(b.1))
        .map_or(0, |(at, _)| at);
    let (p, datasets) = (test.p_iman_davenport, test.datasets);
    let name = &ranks.strategies[best];
    if p >= LEVEL {
        return format!(
            "Over {datasets} datasets the strategies' ranks do not differ by more than chance explains (Friedman, Iman and Davenport, p = {p:.3})."
        );
    }
    let is_apart = |rank: &&f64| **rank - ranks.ranks[best] > ranks.critical_difference;
    let apart = ranks.ranks.iter().filter(is_apart).count();
    format!(
        "Over {datasets} datasets ranks differ by more than chance explains (Friedman, Iman and Davenport, p = {p:.3}); `{name}` has the best mean \
         rank and is a critical difference ahead of {apart} of {} others (Nemenyi, 0.05).",
        ranks.ranks.len() - 1
    )
}

/// `0.512 (95 % interval 0.498 to 0.526)`.
fn mean_text(mean: &Mean) -> String {
    match mean.interval {
        Some(interval) => format!(
            "{:.3} (95 % interval {:.3} to {:.3})",
            mean.mean, interval.low, interval.high
        ),
        None => format!("{:.3}", mean.mean),
    }
}

/// `a`, `b` and `c`.
fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::comparison::tests::trial;
    use super::*;

    fn verdict(trials: &[super::super::Trial]) -> Verdict {
        Verdict::of(&Comparison::of(trials))
    }

    #[test]
    fn one_seed_names_a_leader_and_claims_nothing() {
        let found = verdict(&[trial("a", 0, 1.0, &[0.1, 0.9]), trial("b", 0, 1.0, &[0.1, 0.2])]);
        assert_eq!(
            found.findings[0],
            "`a` has the highest mean AP50 from 1.00 to 2.00 hours of annotation: 0.500, one seed, which may be chance."
        );
        assert!(!found.findings.iter().any(|text| text.contains("ahead")), "{found:?}");
        assert!(found.cautions[0].starts_with("One seed: no interval and no test."));
    }

    #[test]
    fn a_lead_within_the_noise_is_said_to_be_chance() {
        let mut trials = Vec::new();
        for (seed, noise) in [0.05, -0.04, 0.01].into_iter().enumerate() {
            trials.push(trial("a", seed as i64, 1.0, &[0.3, 0.5 + noise]));
            trials.push(trial("b", seed as i64, 1.0, &[0.3, 0.5 - noise]));
        }
        let found = verdict(&trials);
        assert_eq!(
            found.findings[0],
            "The difference is no larger than seeds explain (paired t test over 3 seeds, p < 0.05): it may be chance."
        );
        // Differences 0.05, -0.04 and 0.01 of areas, whose t is 4.303 at the level: 4.303 * 0.0451 / sqrt 3.
        assert_eq!(
            found.findings[2],
            "What 3 seeds could have shown: as much as they scatter, a measured difference of 0.112 AP50 or more; the difference is 0.007."
        );
        assert!(found.cautions[0].contains("cannot give a p below 0.25"), "{found:?}");
    }

    #[test]
    fn where_nobody_finds_anything_nobody_leads() {
        let mut trials = Vec::new();
        for seed in 0..3 {
            trials.push(trial("a", seed, 1.0, &[0.0, 0.0]));
            trials.push(trial("b", seed, 1.0, &[0.0, 0.0]));
        }
        let found = verdict(&trials);
        assert!(
            found.findings[0].starts_with("All strategies have the same mean AP50"),
            "{found:?}"
        );
        assert!(found.findings.iter().all(|text| !text.contains("highest")), "{found:?}");
        let warned = |found: &Verdict| found.cautions.iter().any(|text| text.contains("find next to nothing"));
        assert!(warned(&found), "{found:?}");
        let learnt = [trial("a", 0, 1.0, &[0.0, 0.3]), trial("b", 0, 1.0, &[0.0, 0.01])];
        assert!(!warned(&verdict(&learnt)));
    }

    #[test]
    fn what_a_test_alone_would_claim_is_not_claimed_among_several() {
        let a = [0.512, 0.547, 0.498, 0.561, 0.533, 0.520, 0.541];
        let b = [0.500, 0.520, 0.503, 0.530, 0.529, 0.490, 0.538];
        let mut trials = Vec::new();
        for (seed, (a, b)) in a.into_iter().zip(b).enumerate() {
            let seed = seed as i64;
            trials.push(trial("a", seed, 1.0, &[a, a]));
            trials.push(trial("b", seed, 1.0, &[b, b]));
        }
        // p = 0.0395, as scipy has it.
        assert!(verdict(&trials).findings[1].starts_with("It is ahead of `b`"));
        for (seed, (a, b)) in a.into_iter().zip(b).enumerate() {
            let middle = f64::midpoint(a, b);
            trials.push(trial("c", seed as i64, 1.0, &[middle, middle]));
        }
        // The same p for each of three pairs.
        assert!(verdict(&trials).findings[0].starts_with("No two strategies differ"));
    }

    #[test]
    fn a_lead_beyond_the_noise_is_claimed_over_those_only_that_it_holds_for() {
        let mut trials = Vec::new();
        for (seed, noise) in [0.0, 0.004, -0.003, 0.002, 0.001, -0.002].into_iter().enumerate() {
            let seed = seed as i64;
            trials.push(trial("a", seed, 1.0, &[0.3, 0.6 + noise]));
            trials.push(trial("near", seed, 1.0, &[0.3, 0.599 - 3.0 * noise]));
            trials.push(trial("random", seed, 1.0, &[0.3, 0.5 - noise]));
            trials.push(trial("full", seed, 50.0, &[0.62]));
        }
        let found = verdict(&trials);
        assert_eq!(
            found.findings[1],
            "It is ahead of `random` by more than seeds explain (paired t test over 6 seeds, Holm over 3 pairs, p < 0.05); against `near` \
             nothing can be claimed. Of the other pairs, 1 differ by more than seeds explain."
        );
        assert!(
            found.findings[4].starts_with("`a` reaches 90 % of full supervision's AP50 (0.558) after 1.86 hours"),
            "{found:?}"
        );
        assert!(
            found.cautions.iter().all(|text| !text.contains("No random")),
            "{found:?}"
        );
        assert_eq!(
            found.findings.len(),
            5,
            "random does not reach it, so nothing is said to be saved: {found:?}"
        );
    }
}
