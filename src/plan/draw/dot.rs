//! Graphviz.

use super::picture::{Flow, Picture};

pub(super) fn draw(picture: &Picture) -> String {
    let mut lines = vec![
        format!("digraph {} {{", quoted(&picture.title)),
        "  node [shape=box, style=rounded, fontname=\"sans-serif\"]".to_owned(),
        "  edge [fontname=\"sans-serif\", fontsize=10]".to_owned(),
    ];
    for (index, item) in picture
        .items
        .iter()
        .enumerate()
        .filter(|(_, item)| item.group.is_none())
    {
        lines.push(format!("  {}", node(index, &item.title(), &item.kind, item.decides)));
    }
    for (at, group) in picture.groups.iter().enumerate() {
        lines.push(format!("  subgraph cluster_{at} {{"));
        lines.push(format!(
            "    label={}; style=rounded; fontname=\"sans-serif\"",
            quoted(&group.title)
        ));
        for (index, item) in picture
            .items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.group == Some(at))
        {
            lines.push(format!("    {}", node(index, &item.title(), &item.kind, item.decides)));
        }
        lines.push("  }".to_owned());
    }
    for arrow in &picture.arrows {
        let mut attributes = Vec::new();
        if !arrow.label.is_empty() {
            attributes.push(format!("label={}", quoted(&arrow.label)));
        }
        match arrow.flow {
            Flow::Plain => {}
            Flow::Gathered => attributes.push("style=bold".to_owned()),
            Flow::Back | Flow::Guard => attributes.push("style=dashed".to_owned()),
        }
        if arrow.is_back() {
            attributes.push("constraint=false".to_owned());
        }
        let attributes = if attributes.is_empty() {
            String::new()
        } else {
            format!(" [{}]", attributes.join(", "))
        };
        lines.push(format!("  n{} -> n{}{attributes}", arrow.from, arrow.to));
    }
    lines.push("}".to_owned());
    lines.join("\n") + "\n"
}

fn node(index: usize, name: &str, kind: &str, decides: bool) -> String {
    let shape = if decides { ", shape=diamond, style=solid" } else { "" };
    // `\n` in a quoted string is a line break for Graphviz.
    let label = quoted(name).trim_end_matches('"').to_owned() + "\\n" + quoted(kind).trim_start_matches('"');
    format!("n{index} [label={label}{shape}]")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
