//! Findings for people and for programs.

use serde_json::{Value, json};

use super::finding::{Level, Section, count};
use crate::cli::terminal::{CYAN, DIM, GREEN, RED, RESET, YELLOW};

/// For people: by section, and at the end how much is wrong.
pub(super) fn text(sections: &[Section]) -> String {
    let findings = || sections.iter().flat_map(|section| &section.findings);
    let width = findings()
        .map(|finding| finding.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for section in sections {
        text += &format!("{}\n", section.name);
        for finding in &section.findings {
            let (colour, word) = (colour(finding.level), finding.level.word());
            // Further lines of a text stand below its first.
            let indent = format!("\n{:1$}", "", 2 + 7 + 2 + width + 2);
            let said = finding.said.replace('\n', &indent);
            text += &format!("  {colour}{word:7}{RESET}  {:width$}  {said}\n", finding.name);
            if let Some(hint) = &finding.hint {
                text += &format!(
                    "{:1$}{CYAN}hint{RESET}: {2}\n",
                    "",
                    2 + 7 + 2 + width + 2,
                    hint.replace('\n', &indent)
                );
            }
        }
        text += "\n";
    }
    text + &verdict(count(sections, Level::Problem), count(sections, Level::Warning))
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::Ok => GREEN,
        Level::Warning => YELLOW,
        Level::Problem => RED,
    }
}

fn verdict(problems: usize, warnings: usize) -> String {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let warnings = match warnings {
        0 => String::new(),
        count => format!("{DIM}, {}{RESET}", counted(count, "warning")),
    };
    match problems {
        0 => format!("{GREEN}no problems{RESET}{warnings}\n"),
        count => format!("{RED}{}{RESET}{warnings}\n", counted(count, "problem")),
    }
}

/// For programs: a list of findings, each with its section.
pub(super) fn json(sections: &[Section]) -> Value {
    let findings = sections.iter().flat_map(|section| {
        section.findings.iter().map(|finding| {
            let mut value = json!({ "section": section.name });
            if let (Some(into), Ok(Value::Object(fields))) = (value.as_object_mut(), serde_json::to_value(finding)) {
                into.extend(fields);
            }
            value
        })
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "good": count(sections, Level::Problem) == 0,
        "problems": count(sections, Level::Problem),
        "warnings": count(sections, Level::Warning),
        "findings": findings.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Finding;
    use super::*;

    fn sections() -> [Section; 2] {
        let store = vec![
            Finding::ok("place", "here"),
            Finding::warning("space", "little\nvery little", "free some"),
        ];
        let remote = vec![Finding::problem("access", "denied", "get a key")];
        [
            Section {
                name: "store",
                findings: store,
            },
            Section {
                name: "remote",
                findings: remote,
            },
        ]
    }

    #[test]
    fn people_see_sections_in_columns_and_hints_below() {
        let plain = anstream::adapter::strip_str(&text(&sections())).to_string();
        insta::assert_snapshot!(plain, @r"
        store
          ok       place   here
          warning  space   little
                           very little
                           hint: free some

        remote
          problem  access  denied
                           hint: get a key

        1 problem, 1 warning
        ");
    }

    #[test]
    fn programs_see_each_finding_with_its_section() {
        let value = json(&sections());
        assert_eq!((&value["good"], &value["problems"]), (&json!(false), &json!(1)));
        assert_eq!(
            value["findings"][2],
            json!({"section": "remote", "name": "access", "level": "problem", "said": "denied", "hint": "get a key"})
        );
    }
}
