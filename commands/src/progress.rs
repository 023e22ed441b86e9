//! A bar on standard error, when that is a terminal and the work is long.

use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A bar with a known end, or a count without one. Drawn at most 20 times a second, and not at all when
/// standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Counts `what`; `total` 0 stands for an unknown end.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = if total == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(total) };
        let template = if total == 0 {
            "{spinner} {human_pos} {msg}, {rate}"
        } else {
            "{wide_bar} {human_pos}/{human_len} {msg}, {eta} left"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(20));
        bar.set_message(what);
        if total == 0 {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self(bar)
    }

    /// As [`set`](Self::set), where the end is known only now.
    pub(crate) fn set_of(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }

    pub(crate) fn set(&self, done: u64) {
        self.0.set_position(done);
    }
}

/// Whole items a second: nobody reads the decimals.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // A bar that cannot be drawn is no reason to stop.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
