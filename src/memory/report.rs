//! The memory report of a run: reserved bytes by component, compared with what the system counts.

use serde::{Serialize, Serializer};

use crate::memory::budget::{Budget, Component};
use crate::memory::buffers::{pool_reuses, pooled_bytes};
use crate::memory::monitor::MemoryPeak;
use crate::memory::system::resident::resident_memory;
use crate::units::human_bytes;

/// Memory by component. For anonymous memory, tracked and unaccounted bytes add up to the resident bytes, now and at
/// the peak. Pages of mapped files are separate, since the system can evict them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryUsageBreakdown {
    /// Bytes that the budget allows.
    pub limit: u64,
    /// Maximum anonymous bytes that the plan expected, if there was a plan.
    pub expected: Option<u64>,
    /// Reserved bytes of every component that ever reserved, in the order of [`Component::ALL`].
    #[serde(serialize_with = "by_name")]
    pub components: Vec<MemoryRow>,
    /// The sum of the components.
    pub tracked: MemoryRow,
    /// Resident bytes without a reservation; negative if more is reserved than was touched.
    pub unaccounted: UnaccountedMemory,
    /// Anonymous bytes resident; `peak` and `at_peak` are the same.
    pub resident_anonymous: MemoryRow,
    /// Bytes of mapped files resident.
    pub resident_file: MemoryRow,
    /// Maximum bytes resident at any time, mapped files included, as the system counts them.
    pub resident_peak: u64,
    /// Bytes in buffers that the process keeps for reuse; they are resident, and a part of the rows above.
    pub pooled_bytes: u64,
    /// How often the process took such a buffer instead of allocating one.
    pub pool_reuses: u64,
}

/// Bytes of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryRow {
    /// Name of the component; empty for a sum.
    #[serde(skip)]
    pub name: &'static str,
    /// Now.
    pub current: u64,
    /// Maximum at any time.
    pub peak: u64,
    /// At the maximum of resident anonymous memory.
    pub at_peak: u64,
}

/// Bytes resident that no component reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnaccountedMemory {
    /// Now.
    pub current: i64,
    /// At the maximum of resident anonymous memory.
    pub at_peak: i64,
}

impl MemoryUsageBreakdown {
    /// Compares the reservations of `budget` with what the system counts; `peak` is that of a
    /// [`Monitor`](super::Monitor).
    pub fn new(budget: &Budget, peak: &MemoryPeak) -> Self {
        let now = resident_memory().unwrap_or_default();
        let at_peak = peak.by_component;
        let components: Vec<MemoryRow> = budget
            .usage()
            .into_iter()
            .map(|used| MemoryRow {
                name: used.component.name(),
                current: used.current,
                peak: used.peak,
                at_peak: at_peak[used.component as usize],
            })
            .collect();
        let sum = |of: fn(&MemoryRow) -> u64| components.iter().map(of).sum::<u64>();
        let tracked =
            MemoryRow { name: "", current: sum(|r| r.current), peak: budget.peak(), at_peak: sum(|r| r.at_peak) };
        let max = peak.anonymous;
        Self {
            limit: budget.limit(),
            expected: budget.expected(),
            unaccounted: UnaccountedMemory {
                current: now.anonymous as i64 - tracked.current as i64,
                at_peak: max as i64 - tracked.at_peak as i64,
            },
            components,
            tracked,
            resident_anonymous: MemoryRow { name: "", current: now.anonymous, peak: max, at_peak: max },
            resident_file: MemoryRow {
                name: "",
                current: now.file,
                peak: peak.max_file.max(now.file),
                at_peak: peak.file,
            },
            resident_peak: now.peak,
            pooled_bytes: pooled_bytes(),
            pool_reuses: pool_reuses(),
        }
    }

    /// The component of this name.
    pub fn component(&self, component: Component) -> Option<&MemoryRow> {
        self.components.iter().find(|row| row.name == component.name())
    }

    /// The report as JSON with a final newline.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The report as a table, one row a component.
    pub fn text(&self) -> String {
        let max = self.resident_anonymous.peak;
        let share = |bytes: f64| format!("{:.1} %", 100.0 * bytes / (max as f64).max(1.0));
        let mut text = format!("{:<20} {:>12} {:>12} {:>12} {:>8}\n", "memory", "now", "most", "at the peak", "share");
        let mut row = |name: &str, now: String, peak: String, at_peak: String, share: String| {
            let line = format!("{name:<20} {now:>12} {peak:>12} {at_peak:>12} {share:>8}");
            text += line.trim_end();
            text.push('\n');
        };
        let mut bytes = |name: &str, r: &MemoryRow| {
            row(name, human_bytes(r.current), human_bytes(r.peak), human_bytes(r.at_peak), share(r.at_peak as f64));
        };
        for used in &self.components {
            bytes(used.name, used);
        }
        bytes("tracked", &self.tracked);
        let UnaccountedMemory { current, at_peak } = self.unaccounted;
        row("unaccounted", signed(current), String::new(), signed(at_peak), share(at_peak as f64));
        let all = &self.resident_anonymous;
        let [now, peak, at_peak] = [all.current, all.peak, all.at_peak].map(human_bytes);
        row("resident anonymous", now, peak, at_peak, share(max as f64));
        let files = &self.resident_file;
        let [now, peak, at_peak] = [files.current, files.peak, files.at_peak].map(human_bytes);
        row("mapped files, extra", now, peak, at_peak, String::new());
        row("pooled, included", human_bytes(self.pooled_bytes), String::new(), String::new(), String::new());
        row("limit", String::new(), human_bytes(self.limit), String::new(), String::new());
        if let Some(expected) = self.expected {
            row("expected", String::new(), human_bytes(expected), String::new(), share(expected as f64));
        }
        text
    }
}

fn by_name<S: Serializer>(rows: &[MemoryRow], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(rows.iter().map(|row| (row.name, row)))
}

fn signed(bytes: i64) -> String {
    let size = human_bytes(bytes.unsigned_abs());
    if bytes < 0 { format!("-{size}") } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_adds_up() {
        let budget = Budget::new(1 << 30);
        let mut store = budget.empty_reservation(Component::Store);
        store.resize(3 << 20);
        let mut cache = budget.empty_reservation(Component::IndexCache);
        cache.resize(5 << 20);
        budget.expect(20 << 20);
        let peak =
            MemoryPeak { anonymous: 10 << 20, file: 1 << 20, by_component: budget.by_component(), max_file: 2 << 20 };
        cache.resize(0);
        let report = MemoryUsageBreakdown::new(&budget, &peak);
        assert_eq!(report.tracked.at_peak, 8 << 20);
        assert_eq!(report.unaccounted.at_peak, 2 << 20);
        assert_eq!(report.tracked.current, 3 << 20);
        assert_eq!(
            report.unaccounted.current + report.tracked.current as i64,
            report.resident_anonymous.current as i64
        );
        assert_eq!(report.component(Component::IndexCache).map(|r| (r.current, r.peak)), Some((0, 5 << 20)));
        let text = report.text();
        for line in [
            "index cache                   0 B      5.0 MiB      5.0 MiB   50.0 %",
            "expected                              20.0 MiB               200.0 %",
            format!("{:<20} {:>12}", "pooled, included", human_bytes(report.pooled_bytes)).as_str(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!(json["components"]["store cache"]["at_peak"], 3 << 20);
        assert_eq!(json["unaccounted"]["at_peak"], 2 << 20);
    }

    #[test]
    fn more_reserved_than_touched_is_negative() {
        assert_eq!(signed(-(3 << 20)), "-3.0 MiB");
        assert_eq!(signed(12), "12 B");
    }
}
