//! The columns of an alignment take a byte for each 64 of one kind, since a search of a large genome holds hundreds of
//! thousands of alignments.

use std::iter::Peekable;

use serde::{Deserialize, Serialize};

/// A column of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// A base of each.
    Pair,
    /// A base of the genome against a gap.
    Genome,
    /// A base of the query against a gap.
    Query,
}

/// Consecutive columns of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Their kind.
    pub kind: OperationKind,
    /// Their number.
    pub length: u32,
}

/// A kind of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// A base of each, equal or different.
    Pair,
    /// A base of the genome against a gap.
    Insertion,
    /// A base of the query against a gap.
    Deletion,
}

/// Columns of a packed run: the lower six bits of a byte are one less than their number, the upper two their kind.
const MAX_RUN: u8 = 64;

/// The columns of an alignment as runs of one kind, packed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Operations(Box<[u8]>);

impl Operations {
    /// The runs of columns, in their order.
    pub(crate) fn new(columns: &[Column]) -> Self {
        let mut runs: Vec<u8> = Vec::new();
        let mut last = None;
        for &column in columns {
            match runs.last_mut() {
                Some(run) if last == Some(column) && *run % MAX_RUN < MAX_RUN - 1 => *run += 1,
                _ => runs.push(column as u8 * MAX_RUN),
            }
            last = Some(column);
        }
        Self(runs.into())
    }

    /// The longest runs of columns of one kind, in the order of the genome's forward strand.
    pub fn iter(&self) -> impl Iterator<Item = Operation> {
        Runs(self.0.iter().copied().peekable())
    }

    /// The same runs, the last one first.
    pub fn iter_reversed(&self) -> impl Iterator<Item = Operation> {
        Runs(self.0.iter().rev().copied().peekable())
    }

    /// The columns, in the order of the genome's forward strand.
    pub(crate) fn columns(&self) -> impl Iterator<Item = Column> {
        self.iter().flat_map(|operation| {
            let column = match operation.kind {
                OperationKind::Pair => Column::Pair,
                OperationKind::Insertion => Column::Genome,
                OperationKind::Deletion => Column::Query,
            };
            std::iter::repeat_n(column, operation.length as usize)
        })
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes in memory, besides its own.
    pub fn bytes(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Unpacks runs, and joins those of one kind.
struct Runs<I: Iterator<Item = u8>>(Peekable<I>);

impl<I: Iterator<Item = u8>> Iterator for Runs<I> {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        let run = self.0.next()?;
        let (kind, mut length) = (run / MAX_RUN, u32::from(run % MAX_RUN) + 1);
        while let Some(more) = self.0.next_if(|next| next / MAX_RUN == kind) {
            length += u32::from(more % MAX_RUN) + 1;
        }
        let kind = match kind {
            0 => OperationKind::Pair,
            1 => OperationKind::Insertion,
            _ => OperationKind::Deletion,
        };
        Some(Operation { kind, length })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_columns_are_the_columns(runs in proptest::collection::vec((0..3usize, 1..300usize), 0..20)) {
            let kinds = [Column::Pair, Column::Genome, Column::Query];
            let columns: Vec<Column> = runs.iter().flat_map(|&(kind, length)| vec![kinds[kind]; length]).collect();
            let packed = Operations::new(&columns);
            let unpacked = |operation: Operation| vec![kinds[operation.kind as usize]; operation.length as usize];
            prop_assert_eq!(packed.iter().flat_map(unpacked).collect::<Vec<_>>(), columns.clone());
            prop_assert_eq!(packed.columns().collect::<Vec<_>>(), columns.clone());
            let reversed: Vec<Column> = columns.into_iter().rev().collect();
            prop_assert_eq!(packed.iter_reversed().flat_map(unpacked).collect::<Vec<_>>(), reversed);
            let runs: Vec<Operation> = packed.iter().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].kind != pair[1].kind));
        }
    }
}
