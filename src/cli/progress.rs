use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{Notice, Progress};

/// Progress on a terminal's stderr; with `--verbose`, the time of each phase on any stderr.
pub(super) struct Bars {
    show: bool,
    quiet: bool,
    verbose: bool,
    start: Instant,
    current: Mutex<Option<Phase>>,
}

struct Phase {
    name: &'static str,
    start: Instant,
    bar: ProgressBar,
}

impl Bars {
    pub(super) fn new(quiet: bool, verbose: bool) -> Self {
        Self {
            show: !quiet && std::io::stderr().is_terminal(),
            quiet,
            verbose,
            start: Instant::now(),
            current: Mutex::new(None),
        }
    }

    /// Time since the program began.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Ends the phase in hand.
    pub(super) fn clear(&self) {
        let ended = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(phase) = ended {
            phase.bar.finish_and_clear();
            if self.verbose {
                self.line(&format!("{:<12} {:.2} s", phase.name, phase.start.elapsed().as_secs_f64()));
            }
        }
    }

    /// A line on stderr, above the bar if there is one.
    pub(super) fn line(&self, text: &str) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.as_ref().filter(|_| self.show) {
            Some(phase) => phase.bar.println(text),
            // Nobody reads a closed stderr.
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }
}

impl Progress for Bars {
    fn phase(&self, name: &'static str, total: Option<u64>) {
        self.clear();
        let bar = if !self.show {
            ProgressBar::hidden()
        } else {
            let style = match total {
                Some(_) => "{msg:<12} [{bar:30}] {percent:>3}%  {human_pos}/{human_len}  {per_sec}  {eta} left",
                None => "{msg:<12} {spinner} {human_pos}  {elapsed}",
            };
            let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(name);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Phase { name, start: Instant::now(), bar });
    }

    fn advance(&self, amount: u64) {
        if self.show
            && let Some(phase) = self.current.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        {
            phase.bar.inc(amount);
        }
    }

    fn notice(&self, notice: &Notice) {
        if notice.is_warning() {
            self.line(&format!("warning: {notice}"));
        } else if !self.quiet {
            self.line(&format!("note: {notice}"));
        }
    }
}
