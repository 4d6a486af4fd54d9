//! Parsing decimal text to the nearest f32.

/// Negative powers of ten, by the number of digits after the decimal point. All but the first are rounded: see [`nearest`].
const TENTHS: [f64; 23] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17,
    1e-18, 1e-19, 1e-20, 1e-21, 1e-22,
];

/// Powers of ten that shift a number left by up to sixteen digits.
const TENS: [u64; 17] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
    10_000_000_000_000,
    100_000_000_000_000,
    1_000_000_000_000_000,
    10_000_000_000_000_000,
];

/// Parses a number that fills all of `field`.
///
/// The result is the nearest f32 (ties to even), the same as that of `str::parse`. Accepts what `str::parse` accepts: a sign, digits
/// with or without a decimal point, an exponent, `inf` and `nan` in upper or lower case. `None` for anything else.
pub fn parse_f32(field: &[u8]) -> Option<f32> {
    match plain_decimal(field) {
        Some((value, length)) if length == field.len() => Some(value),
        _ => std::str::from_utf8(field).ok()?.parse().ok(),
    }
}

/// Parses a plain decimal (`-12.345`) at the beginning of `bytes`: its value and its length in bytes.
///
/// `None` if there is none, or if this method cannot guarantee the nearest f32; [`parse_f32`] then decides. The caller checks what
/// follows the number.
#[inline]
pub(super) fn plain_decimal(bytes: &[u8]) -> Option<(f32, usize)> {
    component(bytes).or_else(|| any_plain_decimal(bytes))
}

/// A number as is typical of vectors: one digit, a decimal point, and up to sixteen digits after it. Digits are read eight at a time
/// without branching on their number, which the processor could not predict.
///
/// `None` for other numbers, and within 20 bytes of the end of `bytes`.
#[inline(always)]
fn component(bytes: &[u8]) -> Option<(f32, usize)> {
    let window: &[u8; 20] = bytes.first_chunk()?;
    let negative = window[0] == b'-';
    let start = usize::from(negative);
    let number: &[u8; 19] = window[start..].first_chunk()?;
    let whole = number[0].wrapping_sub(b'0');
    if whole > 9 || number[1] != b'.' {
        return None;
    }
    let (groups, _) = number[2..].as_chunks::<8>();
    let (mut mantissa, mut fraction) = eight_digits(groups[0]);
    if fraction == 8 {
        let (more, digits) = eight_digits(groups[1]);
        if digits == 8 && number[18].is_ascii_digit() {
            return None;
        }
        mantissa = mantissa * TENS[digits] + more;
        fraction += digits;
    }
    mantissa += u64::from(whole) * TENS[fraction];
    Some((nearest(negative, mantissa, fraction)?, start + 2 + fraction))
}

/// The value of the digits at the beginning of `bytes`, and their number: 0 to 8.
#[inline(always)]
fn eight_digits(bytes: [u8; 8]) -> (u64, usize) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The first byte is the lowest. A digit becomes its value; any other byte, more than 9.
    let values = u64::from_le_bytes(bytes) ^ (EACH * b'0' as u64);
    // The top bit of each byte that is more than 9. A carry can only come out of such a byte, and go into later ones.
    let others = (values.wrapping_add(EACH * 0x76) | values) & (EACH * 0x80);
    let digits = others.trailing_zeros() as usize / 8;
    // Leading zeros replace what follows the digits.
    let values = values.checked_shl(64 - 8 * digits as u32).unwrap_or(0);
    // Neighbours are combined: digits to pairs, pairs to groups of four, these to eight.
    let values = (values.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let values = (values.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    (values.wrapping_mul(10_000 << 32 | 1) >> 32, digits)
}

/// Any plain decimal, digit by digit.
fn any_plain_decimal(bytes: &[u8]) -> Option<(f32, usize)> {
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
    // 18 digits cannot overflow an i64.
    if digits == 0 || digits > 18 {
        return None;
    }
    Some((nearest(negative, mantissa, fraction)?, at))
}

fn digit(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10).map(u64::from)
}

/// The f32 nearest to `mantissa` / 10^`fraction`, if that is certain.
///
/// The conversion of the mantissa to f64, the power of ten and the product each have an error of at most half a unit in the last
/// place, so the product is within three units of the true value. Rounding it to f32 can only be wrong if the midpoint of two
/// neighbouring f32 is between the two.
#[inline(always)]
fn nearest(negative: bool, mantissa: u64, fraction: usize) -> Option<f32> {
    // From i64, which processors convert in one instruction.
    let magnitude = mantissa as i64 as f64 * TENTHS.get(fraction)?;
    // An f32 drops 29 bits; the midpoint is the value with only the highest of them set. More bits are dropped only for subnormal
    // numbers, which this few digits cannot express.
    let dropped = magnitude.to_bits() & 0x1fff_ffff;
    if dropped.abs_diff(0x1000_0000) <= 4 {
        return None;
    }
    // The sign is set as a bit, since a branch on it could not be predicted.
    Some(f32::from_bits((magnitude as f32).to_bits() | u32::from(negative) << 31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn same(text: &str) {
        let std: Option<f32> = text.parse().ok();
        assert_eq!(parse_f32(text.as_bytes()).map(f32::to_bits), std.map(f32::to_bits), "{text:?}");
        // In the middle of a line, numbers take another code path than at the end of the bytes.
        if let Some((value, length)) = plain_decimal(format!("{text} {text} 0.123456789012345").as_bytes())
            && length == text.len()
        {
            assert_eq!(Some(value.to_bits()), std.map(f32::to_bits), "{text:?}");
        }
    }

    #[test]
    fn every_length_before_every_byte_and_end() {
        let digits = "3141592653589793238462643";
        for whole in ["", "0", "7", "42", "65536"] {
            for fraction in 0..=digits.len() {
                for text in [whole.to_owned(), format!("{whole}."), format!("{whole}.{}", &digits[..fraction])] {
                    for text in [format!("-{text}"), text] {
                        same(&text);
                        let Ok(value) = text.parse::<f32>() else { continue };
                        for after in 0..=255u8 {
                            let number_goes_on = after.is_ascii_digit() || after == b'.' && !text.contains('.');
                            for distance in [0, 1, 7, 8, 15, 16, 17, 18, 19, 30] {
                                let tail = vec![after; distance];
                                let bytes = [text.as_bytes(), &tail].concat();
                                let read = plain_decimal(&bytes);
                                let digits = text.bytes().filter(u8::is_ascii_digit).count();
                                if distance > 0 && number_goes_on {
                                    assert!(read.is_none_or(|(_, length)| length > text.len()), "{bytes:?}");
                                } else if digits <= 18 {
                                    assert_eq!(read, Some((value, text.len())), "{bytes:?}");
                                }
                            }
                        }
                    }
                }
            }
        }
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
                // The midpoint of two floats, or next to it.
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
