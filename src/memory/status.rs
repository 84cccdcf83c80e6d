//! How scarce memory is: the monitor reports it, and caches and waiting work react to it.

/// How scarce memory is on this machine and in this cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Status {
    /// Enough is free.
    Ok,
    /// Little is free: caches shrink.
    Warning,
    /// Almost nothing is free: new work waits for the work in flight.
    Critical,
}

impl Status {
    /// The status with this number.
    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Ok,
            1 => Self::Warning,
            _ => Self::Critical,
        }
    }

    /// Its name in a time series: `ok`, `warning`, `critical`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
