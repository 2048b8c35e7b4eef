//! Event files that TensorBoard reads: scalars and pictures by step.
//!
//! A file is a list of records (`record`), each a protocol buffer message (`message`). No time is read here: whoever writes says what second
//! an event is of, so that a file which is digested can be made of steps alone.

mod message;
mod picture;
mod record;

pub use picture::{Frame, Picture};

use message::Message;

/// The name that a file must have for TensorBoard to find it.
pub const FILE: &str = "events.out.tfevents.0.asm-pipe";

/// When something was: the step, and the second that TensorBoard orders and measures by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Iteration, epoch or round.
    pub step: u64,
    /// Seconds since the start.
    pub second: f64,
}

/// An event file in the making.
#[derive(Clone, Debug)]
pub struct EventFile(Vec<u8>);

impl Default for EventFile {
    fn default() -> Self {
        let mut version = Message::default();
        version.double(event::WALL_TIME, 0.0);
        version.text(event::FILE_VERSION, "brain.Event:2");
        Self(record::record(&version.into_bytes()))
    }
}

/// Fields of `tensorflow.Event`.
mod event {
    pub(super) const WALL_TIME: u32 = 1;
    pub(super) const STEP: u32 = 2;
    pub(super) const FILE_VERSION: u32 = 3;
    pub(super) const SUMMARY: u32 = 5;
}

/// Fields of `tensorflow.Summary`, of its `Value` and of its `Image`.
mod summary {
    pub(super) const VALUE: u32 = 1;
    pub(super) const TAG: u32 = 1;
    pub(super) const SIMPLE_VALUE: u32 = 2;
    pub(super) const IMAGE: u32 = 4;
    pub(super) const HEIGHT: u32 = 1;
    pub(super) const WIDTH: u32 = 2;
    pub(super) const COLOUR_SPACE: u32 = 3;
    pub(super) const ENCODED: u32 = 4;
    pub(super) const RGB: u64 = 3;
}

impl EventFile {
    /// Adds numbers by tag; those that are not there are left out.
    pub fn scalars<'a>(&mut self, at: Moment, values: impl IntoIterator<Item = (&'a str, Option<f64>)>) {
        let mut all = Message::default();
        for (tag, number) in values {
            let Some(number) = number else { continue };
            let mut value = Message::default();
            value.text(summary::TAG, tag);
            value.float(summary::SIMPLE_VALUE, number as f32);
            all.bytes(summary::VALUE, &value.into_bytes());
        }
        self.event(at, all);
    }

    /// Adds a picture.
    pub fn picture(&mut self, at: Moment, tag: &str, picture: &Picture) {
        let mut image = Message::default();
        image.varint(summary::HEIGHT, u64::from(picture.height));
        image.varint(summary::WIDTH, u64::from(picture.width));
        image.varint(summary::COLOUR_SPACE, summary::RGB);
        image.bytes(summary::ENCODED, &picture.png);
        let mut value = Message::default();
        value.text(summary::TAG, tag);
        value.bytes(summary::IMAGE, &image.into_bytes());
        let mut all = Message::default();
        all.bytes(summary::VALUE, &value.into_bytes());
        self.event(at, all);
    }

    /// The file's bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn event(&mut self, at: Moment, values: Message) {
        let values = values.into_bytes();
        if values.is_empty() {
            return;
        }
        let mut event = Message::default();
        event.double(event::WALL_TIME, at.second);
        event.varint(event::STEP, at.step);
        event.bytes(event::SUMMARY, &values);
        self.0.extend(record::record(&event.into_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::{EventFile, Frame, Moment, Picture};
    use image::{Rgb, RgbImage};

    /// `tests/tensorboard/read_back.py` reads this file with TensorBoard's own reader and holds it against the same figures. Written again
    /// with `ASM_PIPE_WRITE_GOLDEN` set, which another encoder of PNG makes needful.
    const GOLDEN: &str = "tests/tensorboard/events.out.tfevents.0.asm-pipe";

    fn example() -> Vec<u8> {
        let mut file = EventFile::default();
        for step in 0..3_u32 {
            let at = Moment {
                step: u64::from(step) * 300,
                second: f64::from(step) * 1.5,
            };
            let ap50 = 0.25 * f64::from(step);
            file.scalars(
                at,
                [("test/AP_50", Some(ap50)), ("AP_shift", (step > 1).then_some(-0.125))],
            );
        }
        let mut image = RgbImage::from_pixel(24, 16, Rgb([40, 60, 80]));
        image.put_pixel(12, 8, Rgb([250, 250, 250]));
        let frame = Frame {
            edges: [2.0, 3.0, 20.0, 14.0],
            colour: [230, 159, 0],
        };
        let at = Moment { step: 600, second: 3.0 };
        file.picture(at, "detections/0", &Picture::drawn(image, &[frame], 320).unwrap());
        file.into_bytes()
    }

    #[test]
    fn the_file_that_tensorboard_reads_is_made_again_to_the_byte() {
        let bytes = example();
        if std::env::var_os("ASM_PIPE_WRITE_GOLDEN").is_some() {
            fs_err::write(GOLDEN, &bytes).unwrap();
        }
        assert!(fs_err::read(GOLDEN).unwrap() == bytes);
    }

    #[test]
    fn an_event_without_values_is_not_written() {
        let mut file = EventFile::default();
        let empty = file.clone().into_bytes();
        let at = Moment { step: 1, second: 0.0 };
        file.scalars(at, [("a", None)]);
        assert_eq!(file.into_bytes(), empty);
    }
}
