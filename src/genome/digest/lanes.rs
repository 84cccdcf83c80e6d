//! MD5 (RFC 1321) and SHA-512 (FIPS 180-4) of several messages side by side. A step of either waits for the step before
//! it, so one message keeps a small part of a core busy; here the lanes of a vector do the same step of as many messages.

/// Messages side by side.
pub(crate) const LANES: usize = 8;
/// With fewer messages left, one after the other is faster.
pub(crate) const LEAST: usize = 3;

/// A hash function by its blocks.
pub(crate) trait BlockHash {
    /// Bytes of a block.
    const BLOCK: usize;
    /// The state before the first block.
    const START: Self::State;
    /// What one message has come to.
    type State: Copy;

    /// Takes whole blocks.
    fn blocks(state: &mut Self::State, bytes: &[u8]);
    /// Takes as many whole blocks of each message.
    fn blocks_of_lanes(states: &mut [Self::State; LANES], bytes: &[&[u8]; LANES]);
    /// Appends what ends a message of `length` bytes to those that are left of it.
    fn pad(rest: &mut Vec<u8>, length: u64);
    /// The bytes of the digest.
    fn digest(state: &Self::State) -> impl Iterator<Item = u8>;
}

/// Whether lanes are vectors on this machine; else each message by itself is as fast or faster.
pub(crate) fn has_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Pads as both do: a bit, zeros, and the length in `bytes` bytes at the end of a block.
fn pad(rest: &mut Vec<u8>, block: usize, length: &[u8]) {
    rest.push(0x80);
    let end = (rest.len() + length.len()).next_multiple_of(block);
    rest.resize(end - length.len(), 0);
    rest.extend_from_slice(length);
}

/// MD5.
pub(crate) struct Md5;

impl BlockHash for Md5 {
    const BLOCK: usize = 64;
    const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    type State = [u32; 4];

    fn blocks(state: &mut [u32; 4], bytes: &[u8]) {
        md5::block_api::compress(state, bytes.as_chunks().0);
    }
    fn blocks_of_lanes(states: &mut [[u32; 4]; LANES], bytes: &[&[u8]; LANES]) {
        md5_of_lanes(states, &bytes.map(|bytes| bytes.as_chunks().0));
    }
    fn pad(rest: &mut Vec<u8>, length: u64) {
        pad(rest, Self::BLOCK, &(8 * length).to_le_bytes());
    }
    fn digest(state: &[u32; 4]) -> impl Iterator<Item = u8> {
        state.iter().flat_map(|word| word.to_le_bytes())
    }
}

/// SHA-512.
pub(crate) struct Sha512;

impl BlockHash for Sha512 {
    const BLOCK: usize = 128;
    const START: [u64; 8] = [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ];
    type State = [u64; 8];

    fn blocks(state: &mut [u64; 8], bytes: &[u8]) {
        sha2::block_api::compress512(state, bytes.as_chunks().0);
    }
    fn blocks_of_lanes(states: &mut [[u64; 8]; LANES], bytes: &[&[u8]; LANES]) {
        sha512_of_lanes(states, &bytes.map(|bytes| bytes.as_chunks().0));
    }
    fn pad(rest: &mut Vec<u8>, length: u64) {
        pad(rest, Self::BLOCK, &(8 * u128::from(length)).to_be_bytes());
    }
    fn digest(state: &[u64; 8]) -> impl Iterator<Item = u8> {
        state.iter().flat_map(|word| word.to_be_bytes())
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2+bmi2"))]
fn md5_of_lanes(states: &mut [[u32; 4]; LANES], blocks: &[&[[u8; 64]]; LANES]) {
    let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    let mut sums = [[0; LANES]; 4];
    for (lane, state) in states.iter().enumerate() {
        for (sums, word) in sums.iter_mut().zip(state) {
            sums[lane] = *word;
        }
    }
    for number in 0..count {
        let mut words = [[0; LANES]; 16];
        for (lane, blocks) in blocks.iter().enumerate() {
            for (word, bytes) in words.iter_mut().zip(blocks[number].as_chunks().0) {
                word[lane] = u32::from_le_bytes(*bytes);
            }
        }
        let [mut a, mut b, mut c, mut d] = sums;
        // Every step by itself, so that words and turns are constants.
        macro_rules! step {
            ($f:expr, $a:ident $b:ident $c:ident $d:ident, $word:expr, $sine:expr, $turn:literal) => {
                for l in 0..LANES {
                    let f: fn(u32, u32, u32) -> u32 = $f;
                    let sum = $a[l].wrapping_add(words[$word % 16][l]).wrapping_add(SINES[$sine]);
                    $a[l] = $b[l].wrapping_add(sum.wrapping_add(f($b[l], $c[l], $d[l])).rotate_left($turn));
                }
            };
        }
        macro_rules! round {
            ($f:expr, $first:literal, $by:literal, $add:literal, $t:literal $u:literal $v:literal $w:literal) => {
                round!(@ $f, $first, $by, $add, $t $u $v $w, 0 4 8 12)
            };
            (@ $f:expr, $first:literal, $by:literal, $add:literal,
             $t:literal $u:literal $v:literal $w:literal, $($s:literal)*) => { $(
                step!($f, a b c d, $by * $s + $add, $first + $s, $t);
                step!($f, d a b c, $by * ($s + 1) + $add, $first + $s + 1, $u);
                step!($f, c d a b, $by * ($s + 2) + $add, $first + $s + 2, $v);
                step!($f, b c d a, $by * ($s + 3) + $add, $first + $s + 3, $w);
            )* };
        }
        round!(|x, y, z| z ^ (x & (y ^ z)), 0, 1, 0, 7 12 17 22);
        round!(|x, y, z| y ^ (z & (x ^ y)), 16, 5, 1, 5 9 14 20);
        round!(|x, y, z| x ^ y ^ z, 32, 3, 5, 4 11 16 23);
        round!(|x, y, z| y ^ (x | !z), 48, 7, 0, 6 10 15 21);
        for (old, new) in sums.iter_mut().zip([a, b, c, d]) {
            for l in 0..LANES {
                old[l] = old[l].wrapping_add(new[l]);
            }
        }
    }
    for (l, state) in states.iter_mut().enumerate() {
        *state = sums.map(|word| word[l]);
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2+bmi2"))]
fn sha512_of_lanes(states: &mut [[u64; 8]; LANES], blocks: &[&[[u8; 128]]; LANES]) {
    let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    let mut sums: [[u64; LANES]; 8] = [0, 1, 2, 3, 4, 5, 6, 7].map(|word| states.map(|state| state[word]));
    for number in 0..count {
        let mut words = [[0; LANES]; 16];
        for (lane, blocks) in blocks.iter().enumerate() {
            for (word, bytes) in words.iter_mut().zip(blocks[number].as_chunks().0) {
                word[lane] = u64::from_be_bytes(*bytes);
            }
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = sums;
        macro_rules! step {
            ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $sixteen:expr, $step:expr) => {
                if $sixteen > 0 {
                    for l in 0..LANES {
                        let (w1, w14) = (words[($step + 1) % 16][l], words[($step + 14) % 16][l]);
                        let s0 = w1.rotate_right(1) ^ w1.rotate_right(8) ^ (w1 >> 7);
                        let s1 = w14.rotate_right(19) ^ w14.rotate_right(61) ^ (w14 >> 6);
                        let sum = s0.wrapping_add(words[($step + 9) % 16][l]).wrapping_add(s1);
                        words[$step][l] = words[$step][l].wrapping_add(sum);
                    }
                }
                let round = ROUNDS[16 * $sixteen + $step];
                for l in 0..LANES {
                    let s1 = $e[l].rotate_right(14) ^ $e[l].rotate_right(18) ^ $e[l].rotate_right(41);
                    let choice = $g[l] ^ ($e[l] & ($f[l] ^ $g[l]));
                    let sum = $h[l].wrapping_add(round).wrapping_add(words[$step][l]);
                    let sum = sum.wrapping_add(choice).wrapping_add(s1);
                    let s0 = $a[l].rotate_right(28) ^ $a[l].rotate_right(34) ^ $a[l].rotate_right(39);
                    let majority = ($a[l] & $b[l]) | ($c[l] & ($a[l] | $b[l]));
                    $d[l] = $d[l].wrapping_add(sum);
                    $h[l] = sum.wrapping_add(s0).wrapping_add(majority);
                }
            };
        }
        for sixteen in 0..5 {
            macro_rules! eight {
                ($s:literal) => {
                    step!(a b c d e f g h, sixteen, $s);
                    step!(h a b c d e f g, sixteen, $s + 1);
                    step!(g h a b c d e f, sixteen, $s + 2);
                    step!(f g h a b c d e, sixteen, $s + 3);
                    step!(e f g h a b c d, sixteen, $s + 4);
                    step!(d e f g h a b c, sixteen, $s + 5);
                    step!(c d e f g h a b, sixteen, $s + 6);
                    step!(b c d e f g h a, sixteen, $s + 7);
                };
            }
            eight!(0);
            eight!(8);
        }
        for (old, new) in sums.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            for l in 0..LANES {
                old[l] = old[l].wrapping_add(new[l]);
            }
        }
    }
    for (l, state) in states.iter_mut().enumerate() {
        *state = sums.map(|word| word[l]);
    }
}

/// The first 32 bits of the fractions of |sin(1)|, |sin(2)|, ...: RFC 1321, 3.4.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// The first 64 bits of the fractions of the cube roots of the first primes: FIPS 180-4, 4.2.3.
#[rustfmt::skip]
const ROUNDS: [u64; 80] = [
    0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same<H: BlockHash>(start: [H::State; LANES], bytes: &[u8]) -> bool {
        let length = bytes.len() / LANES / H::BLOCK * H::BLOCK;
        let parts: [&[u8]; LANES] = std::array::from_fn(|lane| &bytes[lane * length..(lane + 1) * length]);
        let (mut together, mut apart) = (start, start);
        H::blocks_of_lanes(&mut together, &parts);
        apart.iter_mut().zip(parts).for_each(|(state, part)| H::blocks(state, part));
        together.iter().zip(&apart).all(|(a, b)| H::digest(a).eq(H::digest(b)))
    }

    proptest! {
        /// Side by side as one by one, from any states and of any bytes.
        #[test]
        fn lanes(
            md5: [[u32; 4]; LANES],
            sha512: [[u64; 8]; LANES],
            bytes in prop::collection::vec(any::<u8>(), 0..5000),
        ) {
            prop_assert!(same::<Md5>(md5, &bytes));
            prop_assert!(same::<Sha512>(sha512, &bytes));
        }
    }
}
