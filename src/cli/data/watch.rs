//! A bar for work on images, where a person watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::terminal::{self, Format};

/// A bar; hidden where nobody watches. Without a number of images it only counts.
pub(super) fn bar(format: Format, what: &'static str, images: Option<usize>) -> ProgressBar {
    if format == Format::Json || !terminal::stderr_is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(images.map(|count| count as u64), ProgressDrawTarget::stderr_with_hz(8));
    let template = match images {
        Some(_) => "{msg} {wide_bar} {pos} of {len} images  {eta}",
        None => "{msg} {spinner} {pos} images",
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(what);
    bar
}
