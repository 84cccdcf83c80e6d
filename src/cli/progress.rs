//! Progress bars on a terminal, and every line that the program writes to stderr.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::{Mutex, MutexGuard};

use crate::text::printable;
use crate::{Notice, Progress};

/// Progress bars if stderr is a terminal; with `--verbose`, the duration of each phase on any stderr.
pub(crate) struct Bars {
    show: bool,
    quiet: bool,
    verbose: bool,
    start: Instant,
    current: Mutex<Option<PhaseProgress>>,
    plan: Mutex<Option<StepPlan>>,
}

/// The steps of a long command, which consist of phases, and the progress of each.
struct StepPlan {
    /// Names and expected relative costs.
    steps: Vec<(&'static str, f64)>,
    /// The current step.
    at: usize,
    begun: Instant,
    /// Cost of the finished steps.
    done: f64,
    /// Shares of the current step: of its finished phases, and of the current phase.
    ended: f64,
    phase: f64,
    /// Length and progress of the current phase.
    total: Option<u64>,
    advanced: u64,
}

/// Share of all costs that must be done before the time left is estimated: less predicts nothing.
const MIN_DONE: f64 = 0.05;

impl StepPlan {
    fn new(steps: &[(&'static str, f64)], begun: Instant) -> Self {
        let steps = steps.to_vec();
        Self { steps, at: 0, begun, done: 0.0, ended: 0.0, phase: 0.0, total: None, advanced: 0 }
    }

    /// Begins the step of this name; those before it are finished.
    fn step(&mut self, name: &str) {
        if let Some(at) = self.steps.iter().position(|step| step.0 == name) {
            if at > self.at {
                self.done += self.steps[self.at].1;
            }
            (self.at, self.ended, self.phase, self.total, self.advanced) = (at, 0.0, 0.0, None, 0);
        }
    }

    /// Marks the step of this name as free of cost.
    fn skip(&mut self, name: &str) {
        if let Some(at) = self.steps.iter().position(|step| step.0 == name) {
            self.step(name);
            self.steps[at].1 = 0.0;
        }
    }

    fn phase(&mut self, name: &str, total: Option<u64>) {
        self.ended += self.phase;
        // The number of phases is not known: each counts as half of the rest of its step, except for the long ones.
        let left = 1.0 - self.ended;
        self.phase = left
            * match name {
                "unpack" | "seeds" => 0.03,
                "profile" => 0.3,
                "search" => 0.9,
                _ => 0.5,
            };
        (self.total, self.advanced) = (total, 0);
    }

    /// The time left at the pace so far; none before a twentieth of the cost is done.
    fn left(&self, now: Instant) -> Option<Duration> {
        let all: f64 = self.steps.iter().map(|step| step.1).sum();
        let within = match self.total {
            Some(total) if total > 0 => (self.advanced as f64 / total as f64).min(1.0),
            _ => 0.0,
        };
        let cost = self.steps.get(self.at).map_or(0.0, |step| step.1);
        let done = self.done + cost * (self.ended + self.phase * within);
        let enough = all > 0.0 && done >= MIN_DONE * all;
        enough.then(|| {
            Duration::from_secs_f64(now.duration_since(self.begun).as_secs_f64() * (all - done).max(0.0) / done)
        })
    }

    /// Step and time left, as they are shown.
    fn text(&self, now: Instant) -> String {
        let name = self.steps.get(self.at).map_or("", |step| step.0);
        let left = match self.left(now).map(|left| left.as_secs()) {
            None => String::new(),
            Some(seconds @ 0..90) => format!(", about {} s left", seconds.div_ceil(5) * 5),
            Some(seconds) => format!(", about {} min left", seconds.div_ceil(60)),
        };
        format!("step {} of {}, {name}{left}", self.at + 1, self.steps.len())
    }
}

/// The current phase.
struct PhaseProgress {
    name: &'static str,
    start: Instant,
    bar: ProgressBar,
}

impl Bars {
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        Self {
            show: !quiet && std::io::stderr().is_terminal(),
            quiet,
            verbose,
            start: Instant::now(),
            current: Mutex::new(None),
            plan: Mutex::new(None),
        }
    }

    /// Declares the steps of a long command: names and expected relative costs.
    pub(crate) fn plan(&self, steps: &[(&'static str, f64)]) {
        *self.planned() = Some(StepPlan::new(steps, Instant::now()));
    }

    /// Begins a step.
    pub(crate) fn step(&self, name: &str) {
        self.clear();
        if let Some(plan) = self.planned().as_mut() {
            plan.step(name);
        }
    }

    /// Skips a step, which needs no work.
    pub(crate) fn skip(&self, name: &str) {
        self.clear();
        if let Some(plan) = self.planned().as_mut() {
            plan.skip(name);
        }
    }

    fn planned(&self) -> MutexGuard<'_, Option<StepPlan>> {
        self.plan.lock()
    }

    /// Time since the start of the program.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Ends the current phase.
    pub(crate) fn clear(&self) {
        let ended = self.current.lock().take();
        if let Some(phase) = ended {
            phase.bar.finish_and_clear();
            if self.verbose {
                self.line(&format!("{:<12} {:.2} s", phase.name, phase.start.elapsed().as_secs_f64()));
            }
        }
    }

    /// Writes a sentence on one line of stderr; control characters in it are escaped.
    pub(crate) fn sentence(&self, text: &str) {
        self.line(&printable(text, &[]));
    }

    /// Writes lines to stderr, above the bar if there is one; control characters in them are escaped.
    pub(crate) fn line(&self, text: &str) {
        let text = printable(text, &['\n', '\t']);
        let current = self.current.lock();
        match current.as_ref().filter(|_| self.show) {
            Some(phase) => phase.bar.println(&text),
            // If stderr is closed, there is no reader to report that to.
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }
}

impl Progress for Bars {
    fn phase(&self, name: &'static str, total: Option<u64>) {
        self.clear();
        let steps = self.planned().as_mut().map(|plan| {
            plan.phase(name, total);
            plan.text(Instant::now())
        });
        let bar = if !self.show {
            ProgressBar::hidden()
        } else {
            let style = match total {
                _ if steps.is_some() && total.is_some() => "{msg:<12} [{bar:20}] {percent:>3}%  {prefix}",
                _ if steps.is_some() => "{msg:<12} {spinner} {elapsed}  {prefix}",
                Some(_) => "{msg:<12} [{bar:30}] {percent:>3}%  {human_pos}/{human_len}  {per_sec}  {eta} left",
                None => "{msg:<12} {spinner} {human_pos}  {elapsed}",
            };
            let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(name);
            bar.set_prefix(steps.unwrap_or_default());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        };
        *self.current.lock() = Some(PhaseProgress { name, start: Instant::now(), bar });
    }

    fn advance(&self, amount: u64) {
        if self.show
            && let Some(phase) = self.current.lock().as_ref()
        {
            phase.bar.inc(amount);
            if let Some(plan) = self.planned().as_mut() {
                let before = plan.advanced;
                plan.advanced += amount;
                // The text is made again for each hundredth only.
                let hundredth = |n: u64| plan.total.map_or(0, |total| n.saturating_mul(100) / total.max(1));
                if hundredth(before) != hundredth(plan.advanced) {
                    phase.bar.set_prefix(plan.text(Instant::now()));
                }
            }
        }
    }

    fn notice(&self, notice: &Notice) {
        if notice.is_warning() {
            self.sentence(&format!("warning: {notice}"));
        } else if !self.quiet {
            self.sentence(&format!("note: {notice}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_pace() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut plan = StepPlan::new(&[("index", 1.0), ("families", 8.0), ("mask", 1.0)], begun);
        plan.step("index");
        assert_eq!(plan.left(after(1)), None, "nothing is known yet");
        plan.step("families");
        assert_eq!(plan.left(after(10)), Some(Duration::from_secs(90)));
        plan.phase("refine", Some(10));
        plan.advanced = 5;
        // A quarter of eight, and one: three of ten.
        assert_eq!(plan.left(after(30)), Some(Duration::from_secs(70)));
        plan.phase("refine", None);
        assert_eq!(plan.left(after(50)), Some(Duration::from_secs(50)));
        plan.step("mask");
        assert_eq!(plan.left(after(90)), Some(Duration::from_secs(10)));
        assert_eq!(plan.text(after(90)), "step 3 of 3, mask, about 10 s left");

        // A skipped step costs nothing.
        let mut plan = StepPlan::new(&[("index", 1.0), ("families", 8.0), ("mask", 1.0)], begun);
        plan.skip("index");
        plan.skip("families");
        plan.step("mask");
        plan.phase("mask", Some(4));
        plan.advanced = 4;
        assert_eq!(plan.left(after(30)), Some(Duration::from_secs(30)));
        assert!(plan.text(after(3000)).ends_with("about 50 min left"));
    }
}
