//! FASTA and FASTQ, plain and compressed: what is read is the same with records skipped, and comes back from .2bit.

#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use reprise::genome::{Case, TwoBit, TwoBitWriter};
use reprise::sequence::{SequenceReader, Source};
use reprise_fuzz::{file, folder, genome, plant};

fn seeds() -> Vec<Vec<u8>> {
    let fasta = genome().into_bytes()[..3000].to_vec();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&fasta).expect("into memory");
    vec![
        zstd::encode_all(&fasta[..], 1).expect("into memory"),
        gzip.finish().expect("into memory"),
        fasta,
        b">a b\r\nACGT\r\n\r\nNNac-*.\r\n>b\n>c\nA".to_vec(),
        b"@a b\nACGTN\n+\nIIIII\n@c\r\nAC\r\n+c\r\nII\r\n".to_vec(),
        b"\xef\xbb\xbf> a\nACGU\n>\n\n>c\nEF".to_vec(),
        b"@a\nACG\nTN\n+a\nIIIII\n@c\nA\n+\n@\n".to_vec(),
    ]
}

fuzz_target!(
    init: { plant(seeds()) },
    |data: &[u8]| {
        let source = Source::new(file("in.fa", data));
        let Ok(mut reader) = SequenceReader::open(&source) else { return };
        let path = folder().join("out.2bit");
        let mut writer = TwoBitWriter::create(&path).expect("a file in memory");
        let mut records = Vec::new();
        loop {
            let head = match reader.next_record() {
                Ok(Some(head)) => head,
                Ok(None) => break,
                Err(_) => return,
            };
            writer.begin(&head.name);
            let mut bases = Vec::new();
            loop {
                match reader.next_bases() {
                    Ok(Some(piece)) => {
                        writer.bases(piece).expect("written");
                        bases.extend_from_slice(piece);
                    }
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            writer.end().expect("written");
            records.push((head, bases));
        }
        writer.finish().expect("written");
        let genome = TwoBit::open(&path).expect("sound");
        for (entry, (_, bases)) in genome.index().zip(&records) {
            let record = genome.record_at(entry.expect("sound").1).expect("sound");
            let mut read = Vec::new();
            record.bases(0..record.length(), Case::Upper, &mut read);
            let is_base = |b: u8| b"ACGT".contains(&b.to_ascii_uppercase());
            let expected = bases.iter().map(|&b| if is_base(b) { b.to_ascii_uppercase() } else { b'N' });
            assert!(read.iter().copied().eq(expected));
        }
        let mut again = SequenceReader::open(&source).expect("as before");
        for (head, _) in &records {
            assert_eq!(again.next_record().expect("as before").as_ref(), Some(head));
        }
        assert_eq!(again.next_record().expect("as before"), None);
    }
);
