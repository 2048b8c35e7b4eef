//! From a place in a text to the line and column that people count.

/// Line and column of a byte, counted from 1; columns in characters.
#[must_use]
pub(in crate::detection) fn position_of(text: &[u8], offset: usize) -> (u32, u32) {
    let before = &text[..offset.min(text.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count();
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    // Bytes that go on a character of UTF-8 are no characters.
    let column = before[start..].iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
    (line as u32 + 1, column as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::position_of;

    #[test]
    fn lines_and_columns_count_from_one_and_by_characters() {
        let text = "a\nnaïve x".as_bytes();
        assert_eq!(position_of(text, 0), (1, 1));
        assert_eq!(position_of(text, 2), (2, 1));
        assert_eq!(position_of(text, text.len() - 1), (2, 7));
        assert_eq!(position_of(text, 999), (2, 8));
    }
}
