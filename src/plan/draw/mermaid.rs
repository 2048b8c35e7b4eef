//! Mermaid flow charts.

use std::fmt::Write;

use super::picture::{Flow, Picture};

pub(super) fn draw(picture: &Picture) -> String {
    let mut lines = vec!["flowchart TD".to_owned()];
    for (index, item) in picture.items.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| picture.items[before].group);
        if before.is_some() && item.group != before {
            lines.push("  end".to_owned());
        }
        if let Some(group) = item.group.filter(|_| item.group != before) {
            // A frame may be left and entered again: each time it needs its own id.
            lines.push(format!(
                "  subgraph g{group}_{index} [\"{}\"]",
                escape(&picture.groups[group].title)
            ));
        }
        let indent = if item.group.is_some() { "    " } else { "  " };
        let (open, close) = if item.decides { ("{", "}") } else { ("[", "]") };
        let text = format!("{}<br/><i>{}</i>", escape(&item.title()), escape(&item.kind));
        lines.push(format!("{indent}n{index}{open}\"{text}\"{close}"));
    }
    if picture.items.last().is_some_and(|item| item.group.is_some()) {
        lines.push("  end".to_owned());
    }
    for arrow in &picture.arrows {
        let line = match arrow.flow {
            Flow::Plain => "-->",
            Flow::Gathered => "==>",
            Flow::Back | Flow::Guard => "-.->",
        };
        let label = if arrow.label.is_empty() {
            String::new()
        } else {
            format!("|\"{}\"|", escape(&arrow.label))
        };
        lines.push(format!("  n{} {line}{label} n{}", arrow.from, arrow.to));
    }
    lines.join("\n") + "\n"
}

/// Mermaid reads its own entities in quoted text: `#quot;`, `#35;`.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '#' | '<' | '>' | '&' => {
                write!(escaped, "#{};", u32::from(letter)).expect("writing to a string does not fail");
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}
