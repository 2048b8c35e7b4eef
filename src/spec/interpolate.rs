//! Text with `${name}` in it. `$${` stands for `${` itself.

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it is.
    Text(String),
    /// The path between the braces.
    Reference(String),
}

/// Cuts a text into its pieces. The error says what is wrong.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain.push_str(&rest[..at]);
            plain.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let Some(end) = inside.find('}') else {
            return Err("`${` is not closed by `}`".into());
        };
        let path = inside[..end].trim();
        if !is_path(path) {
            return Err(format!("`${{{}}}` holds no name of a param", &inside[..end]));
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Reference(path.to_owned()));
        rest = &inside[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Makes a text that stands for itself.
pub(super) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
    };
    path.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    fn reference(path: &str) -> Piece {
        Piece::Reference(path.into())
    }

    #[test]
    fn references_stand_alone_or_in_text() {
        assert_eq!(pieces("${a.b}").unwrap(), [reference("a.b")]);
        assert_eq!(
            pieces("x-${ a }-${b}y").unwrap(),
            [text("x-"), reference("a"), text("-"), reference("b"), text("y")]
        );
        assert_eq!(pieces("").unwrap(), [text("")]);
        assert_eq!(pieces("5 $ {x}").unwrap(), [text("5 $ {x}")]);
    }

    #[test]
    fn a_doubled_dollar_escapes() {
        assert_eq!(pieces("$${a}").unwrap(), [text("${a}")]);
        assert_eq!(pieces("$${a}${b}").unwrap(), [text("${a}"), reference("b")]);
        for literal in ["${a}", "$${a}", "$$${", "$", "a$b"] {
            assert_eq!(pieces(&escape(literal)).unwrap(), [text(literal)]);
        }
    }

    #[test]
    fn what_is_no_name_is_a_mistake() {
        for wrong in ["${", "${a", "${}", "${a..b}", "${a b}", "${a+1}"] {
            assert!(pieces(wrong).is_err(), "{wrong}");
        }
    }
}
