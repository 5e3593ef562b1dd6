//! Integers of any size, from the bases that YAML 1.1 knows to decimal digits.

use super::scalar::Unreadable;

/// Digits that Python turns into an integer, or an integer into (CPython's `sys.int_info.default_max_str_digits`).
const MAX_DECIMAL_DIGITS: usize = 4300;
/// The same bound in binary digits (4300 / log10(2)), so that no more than that is ever multiplied.
const MAX_BINARY_DIGITS: usize = 14_285;
/// Nine decimal digits a limb.
const LIMB: u64 = 1_000_000_000;

/// The decimal digits of the number that `digits` write to `base`, without leading zeros.
pub(super) fn decimal(digits: &str, base: u32) -> Result<String, Unreadable> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return Err(Unreadable::NotANumber);
    }
    let significant = digits.trim_start_matches('0');
    if base == 10 {
        return if significant.len() > MAX_DECIMAL_DIGITS {
            Err(Unreadable::TooLong)
        } else if significant.is_empty() {
            Ok("0".to_owned())
        } else {
            Ok(significant.to_owned())
        };
    }
    if significant.len() > MAX_BINARY_DIGITS {
        return Err(Unreadable::TooLong);
    }
    let mut limbs = Vec::new();
    for digit in significant.chars().filter_map(|c| c.to_digit(base)) {
        push(&mut limbs, base, digit);
    }
    text(&limbs)
}

/// The decimal digits of a number written to the base of 60 with `:` between its places.
pub(super) fn sixtieths(places: &str) -> Result<String, Unreadable> {
    if places.len() > MAX_BINARY_DIGITS {
        return Err(Unreadable::TooLong);
    }
    let mut limbs: Vec<u64> = Vec::new();
    for (index, place) in places.split(':').enumerate() {
        let place = decimal(place, 10)?;
        if index == 0 {
            for digit in place.chars().filter_map(|c| c.to_digit(10)) {
                push(&mut limbs, 10, digit);
            }
        } else {
            let place = place.parse::<u32>().map_err(|_| Unreadable::NotANumber)?;
            push(&mut limbs, 60, place);
        }
    }
    text(&limbs)
}

/// Multiplies by `base` and adds `digit`; the lowest limb comes first.
fn push(limbs: &mut Vec<u64>, base: u32, digit: u32) {
    let mut carry = u64::from(digit);
    for limb in limbs.iter_mut() {
        let product = *limb * u64::from(base) + carry;
        *limb = product % LIMB;
        carry = product / LIMB;
    }
    while carry > 0 {
        limbs.push(carry % LIMB);
        carry /= LIMB;
    }
}

fn text(limbs: &[u64]) -> Result<String, Unreadable> {
    let Some((highest, lower)) = limbs.split_last() else {
        return Ok("0".to_owned());
    };
    let mut text = highest.to_string();
    for limb in lower.iter().rev() {
        text.push_str(&format!("{limb:09}"));
    }
    if text.len() > MAX_DECIMAL_DIGITS {
        return Err(Unreadable::TooLong);
    }
    Ok(text)
}
