/// Someone who watches long work. All methods may be called from any thread.
pub trait Progress: Sync {
    /// A phase begins; `total` is its length in bases, k-mers or bytes, where known.
    fn phase(&self, name: &'static str, total: Option<u64>);
    /// The phase got on by `amount`.
    fn advance(&self, amount: u64);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: &'static str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}
