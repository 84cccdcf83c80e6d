//! Annotations in the columns of RepeatMasker's `.out`, which many programs read
//! (<https://www.repeatmasker.org/webrepeatmaskerhelp.html#reading>).

use crate::formats::annotation_writer::AnnotationWriter;
use crate::formats::copy_row::CopyRow;
use crate::genome::Contig;

/// Annotations in the columns of RepeatMasker's `.out`.
pub(super) struct RepeatMaskerOut;

impl AnnotationWriter for RepeatMaskerOut {
    fn header(&self, _contigs: &[Contig], out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"   SW   perc perc perc  query     position in query              \
              matching          repeat       position in repeat\n\
              score   div. del. ins.  sequence  begin    end          (left)   \
              repeat            class/family   begin  end    (left)   ID\n\n",
        );
    }

    fn row(&self, row: &CopyRow<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(text(row).as_bytes());
        out.push(b'\n');
    }
}

/// The columns of a copy or a fragment.
pub(super) fn text(row: &CopyRow<'_>) -> String {
    let (begin, end) = (row.consensus_start + 1, row.consensus_end);
    let left = format!("({})", row.consensus_left);
    // On the reverse strand the columns of the consensus are in reverse order, and the strand is C, complement.
    let (strand, consensus) = if row.is_forward() {
        ('+', format!("{begin:>6} {end:>6} {left:>6}"))
    } else {
        ('C', format!("{left:>6} {end:>6} {begin:>6}"))
    };
    format!(
        "{:>5} {:>5.1} {:>4.1} {:>4.1}  {} {:>8} {:>8} {:>10} {strand} {:<16} {:<14} {consensus} {}",
        row.score,
        row.substituted,
        row.deleted,
        row.inserted,
        row.contig,
        row.start + 1,
        row.end,
        format!("({})", row.contig_length - row.end),
        row.family,
        row.class,
        row.id
    )
}
