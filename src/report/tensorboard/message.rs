//! The few parts of protocol buffers that events need: numbers, texts and messages by field.

/// A message in the making. A field whose value is the default is written too: readers do not mind.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// How a field's value is written.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    EightBytes = 1,
    Counted = 2,
    FourBytes = 5,
}

impl Message {
    /// A whole number.
    pub(super) fn varint(&mut self, field: u32, value: u64) {
        self.key(field, Wire::Varint);
        self.number(value);
    }

    /// A `double`.
    pub(super) fn double(&mut self, field: u32, value: f64) {
        self.key(field, Wire::EightBytes);
        self.0.extend(value.to_le_bytes());
    }

    /// A `float`.
    pub(super) fn float(&mut self, field: u32, value: f32) {
        self.key(field, Wire::FourBytes);
        self.0.extend(value.to_le_bytes());
    }

    /// A `string`.
    pub(super) fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    /// `bytes`, or a message's.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, Wire::Counted);
        self.number(value.len() as u64);
        self.0.extend(value);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u32, wire: Wire) {
        self.number(u64::from(field) << 3 | wire as u64);
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn fields_are_written_as_the_encoding_guide_shows() {
        let mut message = Message::default();
        message.varint(1, 150);
        message.text(2, "testing");
        message.float(16, 1.0);
        let mut expected = vec![0x08, 0x96, 0x01, 0x12, 0x07];
        expected.extend(b"testing");
        expected.extend([0x85, 0x01, 0, 0, 0x80, 0x3f]);
        assert_eq!(message.into_bytes(), expected);
    }
}
