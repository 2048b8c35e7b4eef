use super::{Format, draw};
use crate::plan::test_support::{members, named, planned, registry};
use crate::plan::{Plan, add_comparison};

/// Two modes with two seeds each, beside a pipeline without any, compared.
fn experiment() -> Plan {
    let mut plan = members();
    add_comparison(&mut plan, &registry()).unwrap();
    plan
}

#[test]
fn rounds_and_members_are_folded_and_counted() {
    insta::assert_snapshot!(draw(&experiment(), Format::Ascii, true), @"
    ●           source             shapes
    ├─●         split ×2           split-pools
    ├─┼─●       initial ×2         train
    │ │ │     ╭ rounds 1 to 4, until ap50 shifts by less than 0.001 in 2 rounds
    ├─┼─│─●   │ batch ×4           draw-batch   ↺ pool from select, if until lets it
    ├─│─┼─┼─● │ detect ×4          detect       ↺ model from retrain
    │ │ │ ├─● │ merge ×4           merge-sa
    │ ├─│─●─╯ │ select ×4          select       ↺ labelled from select
    ├─│─●─╯   │ retrain ×4         train        ↺ model from retrain
    ●─┼─╯     │ found ×4           detect
    ●─╯       │ evaluate ×4        evaluate
    ◆         │ until ×4           until
              ╰
      ●         tables ×4          tables       ← merge, evaluate of all rounds  ← retrain of last round
    ●─┤         charts ×4          charts
      ●         comparison.tables  compare
      ●         comparison.charts  charts
    ");
}

#[test]
fn several_families_are_told_apart() {
    let two = planned(&[&named("a"), &named("b").replace("mode: hard", "mode: easy")]);
    let drawn = draw(&two, Format::Ascii, true);
    assert!(drawn.contains("a/initial") && drawn.contains("b/select"), "{drawn}");
    assert!(!drawn.contains('×'), "{drawn}");
}

#[test]
fn every_format_folds_members_into_one_box_a_stage_unless_expanded() {
    let plan = experiment();
    for (format, once) in [
        (Format::Ascii, "select ×4  "),
        (Format::Mermaid, "[\"select ×4<br/>"),
        (Format::Dot, "[label=\"select ×4\\n"),
        (Format::Svg, ">select ×4</text>"),
    ] {
        let folded = draw(&plan, format, true);
        assert_eq!(folded.matches(once).count(), 1, "{format:?}\n{folded}");
        assert!(!folded.contains("a-mode=easy"), "{format:?}\n{folded}");
        let expanded = draw(&plan, format, false);
        assert!(expanded.contains("a-mode=easy-seed-1/round-3.select"), "{format:?}");
        assert!(!expanded.contains('×'), "{format:?}");
    }
}
