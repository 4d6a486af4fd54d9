//! Kernels for the products of the 8-bit codes of rows and queries, for several instruction sets.
//!
//! All sums are of integers, so all kernels give the same results. [`Kernel::Plain`] is the reference, and a test compares the
//! others with it. Loads and casts are safe, and the instructions are called in functions that are compiled for them.

use multiversion::multiversion;
use multiversion::target::match_target;

/// Rows per block of codes.
pub(crate) const LANES: usize = 16;

/// Adjacent components of a row.
pub(crate) const GROUP: usize = 4;

/// Bytes per group of a block.
pub(crate) const STRIDE: usize = LANES * GROUP;

/// The codes of several queries, and the numbers of their error bounds.
#[derive(Debug)]
pub(crate) struct Tile<const T: usize> {
    /// `[G, T, 4]`, zero where there is no component.
    pub(super) groups: Vec<[[i8; GROUP]; T]>,
    /// Initial values of the sums, which compensate for unsigned codes.
    pub(super) start: [i32; T],
    /// The query is about scale x code.
    pub(super) scale: [f32; T],
    /// A row's score is at most its scale x (query scale x sum + `per_scale`) + `constant`.
    pub(super) per_scale: [f32; T],
    pub(super) constant: [f32; T],
}

/// A kernel, by its instruction set.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(any(target_arch = "x86_64", test)),
    expect(dead_code, reason = "other processors have only the plain kernel")
)]
pub(crate) enum Kernel {
    /// AVX-512 with VNNI: 64 products per instruction.
    Vnni512,
    /// AVX-VNNI: 32 products per instruction.
    Vnni256,
    /// AVX2: 16 products of 16 bits per instruction.
    Avx2,
    /// Any processor; on arm64 the compiler uses NEON.
    Plain,
}

impl Kernel {
    /// The fastest kernel that this processor supports.
    pub(crate) fn fastest() -> Kernel {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512vnni") {
                return Kernel::Vnni512;
            }
            if has!("avx2") && has!("fma") {
                return if has!("avxvnni") { Kernel::Vnni256 } else { Kernel::Avx2 };
            }
        }
        Kernel::Plain
    }

    /// The first block in which the bound of any row reaches the limit of any query, and for each query a bit mask of the rows
    /// that do. A bound of NaN reaches all limits.
    ///
    /// # Shapes
    /// With `B` blocks and `G` groups: `codes` `[B, G, 16, 4]`, `scales` `[B, 16]`.
    #[inline]
    pub(crate) fn find<const T: usize>(
        self,
        codes: &[[u8; STRIDE]],
        scales: &[[f32; LANES]],
        tile: &Tile<T>,
        limits: &[f32; T],
    ) -> Option<(usize, [u16; T])> {
        match self {
            Kernel::Vnni512 => find_vnni512(codes, scales, tile, limits),
            Kernel::Vnni256 => find_vnni256(codes, scales, tile, limits),
            Kernel::Avx2 => find_avx2(codes, scales, tile, limits),
            Kernel::Plain => find_plain(codes, scales, tile, limits),
        }
    }
}

/// The reference implementation.
#[multiversion(targets("aarch64+neon+dotprod"))]
fn find_plain<const T: usize>(
    codes: &[[u8; STRIDE]],
    scales: &[[f32; LANES]],
    tile: &Tile<T>,
    limits: &[f32; T],
) -> Option<(usize, [u16; T])> {
    for (index, (block, scales)) in codes.chunks_exact(tile.groups.len()).zip(scales).enumerate() {
        let mut sums = tile.start.map(|start| [start; LANES]);
        for (codes, group) in block.iter().zip(&tile.groups) {
            for (sums, parts) in sums.iter_mut().zip(group) {
                for lane in 0..LANES {
                    for part in 0..GROUP {
                        sums[lane] += i32::from(codes[lane * GROUP + part]) * i32::from(parts[part]);
                    }
                }
            }
        }
        let found = reached(&sums, scales, tile, limits);
        if found != [0; T] {
            return Some((index, found));
        }
    }
    None
}

/// The rows of a block whose bound reaches each query's limit.
#[inline(always)]
fn reached<const T: usize>(
    sums: &[[i32; LANES]; T],
    scales: &[f32; LANES],
    tile: &Tile<T>,
    limits: &[f32; T],
) -> [u16; T] {
    let mut found = [0u16; T];
    for query in 0..T {
        for lane in 0..LANES {
            let bound = scales[lane] * (tile.scale[query] * sums[query][lane] as f32 + tile.per_scale[query]);
            found[query] |= u16::from(bound >= limits[query] || bound.is_nan()) << lane;
        }
    }
    found
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512vnni"))]
fn find_vnni512<const T: usize>(
    codes: &[[u8; STRIDE]],
    scales: &[[f32; LANES]],
    tile: &Tile<T>,
    limits: &[f32; T],
) -> Option<(usize, [u16; T])> {
    match_target! {
        "x86_64+avx512f+avx512bw+avx512vl+avx512vnni" => {
            use std::arch::x86_64::*;
            for (index, (block, scales)) in codes.chunks_exact(tile.groups.len()).zip(scales).enumerate() {
                let mut sums = [_mm512_setzero_si512(); T];
                for (codes, group) in block.iter().zip(&tile.groups) {
                    let codes: __m512i = bytemuck::cast(*codes);
                    for query in 0..T {
                        let parts = _mm512_set1_epi32(bytemuck::cast(group[query]));
                        sums[query] = _mm512_dpbusd_epi32(sums[query], codes, parts);
                    }
                }
                let scales: __m512 = bytemuck::cast(*scales);
                let (mut found, mut any) = ([0u16; T], 0u16);
                for query in 0..T {
                    let sums = _mm512_add_epi32(sums[query], _mm512_set1_epi32(tile.start[query]));
                    let product = _mm512_mul_ps(_mm512_set1_ps(tile.scale[query]), _mm512_cvtepi32_ps(sums));
                    let bound = _mm512_mul_ps(scales, _mm512_add_ps(product, _mm512_set1_ps(tile.per_scale[query])));
                    found[query] = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(bound, _mm512_set1_ps(limits[query]));
                    any |= found[query];
                }
                if any != 0 {
                    return Some((index, found));
                }
            }
            None
        },
        _ => find_plain(codes, scales, tile, limits),
    }
}

#[multiversion(targets("x86_64+avx2+fma+avxvnni"))]
fn find_vnni256<const T: usize>(
    codes: &[[u8; STRIDE]],
    scales: &[[f32; LANES]],
    tile: &Tile<T>,
    limits: &[f32; T],
) -> Option<(usize, [u16; T])> {
    match_target! {
        "x86_64+avx2+fma+avxvnni" => {
            use std::arch::x86_64::*;
            /// Queries whose sums fit in the registers.
            const QUERIES_PER_PASS: usize = 4;
            for (index, (block, scales)) in codes.chunks_exact(tile.groups.len()).zip(scales).enumerate() {
                let mut all = [[0i32; LANES]; T];
                for first in (0..T).step_by(QUERIES_PER_PASS) {
                    let mut sums = [[_mm256_setzero_si256(); 2]; QUERIES_PER_PASS];
                    for (codes, group) in block.iter().zip(&tile.groups) {
                        let [low, high]: [__m256i; 2] = bytemuck::cast(*codes);
                        for query in 0..QUERIES_PER_PASS.min(T) {
                            let parts = _mm256_set1_epi32(bytemuck::cast(group[first + query]));
                            sums[query][0] = _mm256_dpbusd_avx_epi32(sums[query][0], low, parts);
                            sums[query][1] = _mm256_dpbusd_avx_epi32(sums[query][1], high, parts);
                        }
                    }
                    for query in 0..QUERIES_PER_PASS.min(T) {
                        let sums: [i32; LANES] = bytemuck::cast(sums[query]);
                        all[first + query] = sums.map(|sum| sum + tile.start[first + query]);
                    }
                }
                let found = reached(&all, scales, tile, limits);
                if found != [0; T] {
                    return Some((index, found));
                }
            }
            None
        },
        _ => find_plain(codes, scales, tile, limits),
    }
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn find_avx2<const T: usize>(
    codes: &[[u8; STRIDE]],
    scales: &[[f32; LANES]],
    tile: &Tile<T>,
    limits: &[f32; T],
) -> Option<(usize, [u16; T])> {
    match_target! {
        "x86_64+avx2+fma" => {
            use std::arch::x86_64::*;
            /// Queries whose sums fit in the registers.
            const QUERIES_PER_PASS: usize = 2;
            for (index, (block, scales)) in codes.chunks_exact(tile.groups.len()).zip(scales).enumerate() {
                let mut all = [[0i32; LANES]; T];
                for first in (0..T).step_by(QUERIES_PER_PASS) {
                    // Two sums for each row, four rows per register.
                    let mut sums = [[_mm256_setzero_si256(); 4]; QUERIES_PER_PASS];
                    for (codes, group) in block.iter().zip(&tile.groups) {
                        let quarters: [__m128i; 4] = bytemuck::cast(*codes);
                        let wide = quarters.map(|quarter| _mm256_cvtepu8_epi16(quarter));
                        for query in 0..QUERIES_PER_PASS.min(T) {
                            let parts: [i16; GROUP] = group[first + query].map(i16::from);
                            let parts = _mm256_set1_epi64x(bytemuck::cast(parts));
                            for (sums, &wide) in sums[query].iter_mut().zip(&wide) {
                                *sums = _mm256_add_epi32(*sums, _mm256_madd_epi16(wide, parts));
                            }
                        }
                    }
                    for query in 0..QUERIES_PER_PASS.min(T) {
                        let pairs: [[i32; 2]; LANES] = bytemuck::cast(sums[query]);
                        all[first + query] = pairs.map(|[a, b]| a + b + tile.start[first + query]);
                    }
                }
                let found = reached(&all, scales, tile, limits);
                if found != [0; T] {
                    return Some((index, found));
                }
            }
            None
        },
        _ => find_plain(codes, scales, tile, limits),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Blocks of `G` groups and a tile of `T` queries, with random codes.
    fn case<const T: usize>(
        seed: u64,
        groups: usize,
        blocks: usize,
    ) -> (Vec<[u8; STRIDE]>, Vec<[f32; LANES]>, Tile<T>) {
        let mut state = seed | 1;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as u32
        };
        // The largest codes are the first to overflow.
        let mut code = move |size: i32| match next() % 4 {
            0 => size,
            1 => -size,
            _ => (next() % (2 * size as u32 + 1)) as i32 - size,
        };
        let mut tile = Tile {
            groups: vec![[[0; GROUP]; T]; groups],
            start: [0; T],
            scale: [0.0; T],
            per_scale: [0.0; T],
            constant: [0.0; T],
        };
        for group in &mut tile.groups {
            *group = group.map(|parts| parts.map(|_| code(127) as i8));
        }
        for query in 0..T {
            tile.start[query] = -128 * tile.groups.iter().flat_map(|group| group[query]).map(i32::from).sum::<i32>();
            tile.scale[query] = code(127).abs() as f32 / 1e4;
            tile.per_scale[query] = if code(9) == 0 { f32::NEG_INFINITY } else { code(127).abs() as f32 / 100.0 };
        }
        let codes = (0..groups * blocks).map(|_| [0; STRIDE].map(|_: u8| (code(127) + 128) as u8)).collect();
        let scale = |size: i32| if size == 5 { f32::NAN } else { size as f32 / 1e4 };
        let scales = (0..blocks).map(|_| [0.0; LANES].map(|_: f32| scale(code(60).abs()))).collect();
        (codes, scales, tile)
    }

    /// All results from the first block to the last.
    fn all<const T: usize>(
        kernel: Kernel,
        (codes, scales, tile): &(Vec<[u8; STRIDE]>, Vec<[f32; LANES]>, Tile<T>),
        limit: f32,
    ) -> Vec<(usize, [u16; T])> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some((index, rows)) =
            kernel.find(&codes[from * tile.groups.len()..], &scales[from..], tile, &[limit; T])
        {
            found.push((from + index, rows));
            from += index + 1;
        }
        found
    }

    proptest! {
        #[test]
        fn all_kernels_find_the_same(seed: u64, groups in 1usize..90, blocks in 0usize..20, limit in -40.0f32..40.0) {
            let (one, many) = (case::<1>(seed, groups, blocks), case::<16>(seed, groups, blocks));
            // If the processor does not support a kernel, the plain kernel runs instead.
            for kernel in [Kernel::Vnni512, Kernel::Vnni256, Kernel::Avx2] {
                prop_assert_eq!(all(kernel, &one, limit), all(Kernel::Plain, &one, limit), "{:?}", kernel);
                prop_assert_eq!(all(kernel, &many, limit), all(Kernel::Plain, &many, limit), "{:?}", kernel);
            }
        }
    }
}
