//! Decimal text to the nearest f32.

/// Powers of ten that f64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads a number that fills the whole of `field`.
///
/// The result is the nearest f32 (ties to even), as `str::parse` gives it. Accepts what `str::parse` accepts: a sign,
/// digits with or without a point, an exponent, `inf`, `nan` in any case. `None` for anything else.
pub fn parse_f32(field: &[u8]) -> Option<f32> {
    match plain_decimal(field) {
        Some((value, length)) if length == field.len() => Some(value),
        _ => std::str::from_utf8(field).ok()?.parse().ok(),
    }
}

/// Reads a plain decimal (`-12.345`) from the front of `bytes`: the value and how many bytes it took.
///
/// `None` where there is none, or where this way of reading could not promise the nearest f32; [`parse_f32`] then
/// decides. The promise rests on two facts. Up to 2^53 and 10^22, mantissa and power of ten are exact in f64, so that
/// their quotient is the nearest f64 to the true value (Clinger 1990). Rounding that once more to f32 can only go wrong
/// where the f64 lies exactly between two neighbouring f32, and those cases are handed back.
#[inline]
pub(super) fn plain_decimal(bytes: &[u8]) -> Option<(f32, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(negative);
    let mut at = start;
    let mut mantissa: u64 = 0;
    while let Some(digit) = digit(bytes, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        at += 1;
    }
    let mut digits = at - start;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        while let Some(digit) = digit(bytes, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            at += 1;
        }
        fraction = at - point;
        digits += fraction;
    }
    // 19 digits cannot overflow a u64.
    if digits == 0 || digits > 19 || mantissa > 1 << 53 || fraction >= POWERS.len() {
        return None;
    }
    let magnitude = mantissa as f64 / POWERS[fraction];
    // The 29 bits that an f32 drops: one half exactly means a tie or something too near to one.
    let halfway = magnitude.to_bits() & 0x1fff_ffff == 0x1000_0000;
    let subnormal = mantissa != 0 && magnitude < 2.0 * f64::from(f32::MIN_POSITIVE);
    if halfway || subnormal {
        return None;
    }
    let value = magnitude as f32;
    Some((if negative { -value } else { value }, at))
}

#[inline]
fn digit(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn same(text: &str) {
        let std: Option<f32> = text.parse().ok();
        assert_eq!(parse_f32(text.as_bytes()).map(f32::to_bits), std.map(f32::to_bits), "{text:?}");
    }

    #[test]
    fn corners() {
        for text in [
            "-0",
            "0",
            "1e-45",
            "9.4e-05",
            "0.1",
            "16777217",
            "16777219",
            "33554433",
            "1.",
            ".5",
            ".",
            "-",
            "",
            "+1",
            "1e",
            "1e5",
            "--1",
            "1.2.3",
            "3.4028235e38",
            "3.4028236e38",
            "340282356779733661637539395458142568448",
            "1.17549435e-38",
            "0.00000000000000000000000000000000000001",
            "0.000000000000000000000000000000000000000000001",
            "1.00000005960464477539062500",
            "1.0000000596046447753906250000000001",
            "9007199254740993",
            "1234567890.1234567890123456789012345678901",
            "inf",
            "-inf",
            "nan",
            "NaN",
            "infinity",
            "0x1",
            "1_000",
            " 1",
            "1 ",
            "99999999999999999999",
            "18446744073709551616",
            "000000000000000000000000000001.5",
        ] {
            same(text);
        }
    }

    #[test]
    fn a_million_random_decimals() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for i in 0..1_000_000u32 {
            let digits = rng.random_range(1..18);
            let mantissa: u64 = rng.random_range(0..10u64.pow(digits));
            let sign = if rng.random::<bool>() { "-" } else { "" };
            let text = match i % 3 {
                0 => format!("{sign}{}.{:0width$}", rng.random_range(0..30), mantissa, width = digits as usize),
                1 => format!("{sign}{}", f32::from_bits(rng.random::<u32>() & 0x7f7f_ffff)),
                // Right between two floats, or next to it.
                _ => {
                    let low = rng.random_range(1.0f32..2.0);
                    let middle = (f64::from(low) + f64::from(low.next_up())) / 2.0;
                    format!("{sign}{middle:.*}", rng.random_range(15..30))
                }
            };
            same(&text);
        }
    }
}
