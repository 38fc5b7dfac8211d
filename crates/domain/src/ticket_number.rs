//! The number printed on a ticket: ten characters that can be read out on a phone.
//!
//! Nine characters of Crockford's base 32 (no I, L, O, U) carry 45 bits, the tenth is a check character: the weighted
//! sum of the nine, modulo 31. It detects every single wrong character and every swap of two neighbours, except 0 read
//! as Z: they are 31 apart.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Ten characters from the low 45 bits of `bits`.
pub fn encode(bits: u64) -> String {
    let digits: Vec<u8> = (0..9).rev().map(|i| ((bits >> (5 * i)) & 31) as u8).collect();
    let check = check_of(&digits);
    digits.iter().chain([&check]).map(|d| char::from(ALPHABET[usize::from(*d)])).collect()
}

/// Reads a number as people write it: any case, with spaces and hyphens, O for 0, I and L for 1. `None` when it has the
/// wrong length or the check character does not match.
pub fn normalise(text: &str) -> Option<String> {
    let mut digits = Vec::with_capacity(10);
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        let c = match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        };
        digits.push(u8::try_from(ALPHABET.iter().position(|a| char::from(*a) == c)?).ok()?);
    }
    let (check, number) = digits.split_last()?;
    (number.len() == 9 && check_of(number) == *check)
        .then(|| digits.iter().map(|d| char::from(ALPHABET[usize::from(*d)])).collect())
}

/// As printed: `ABCDE-FGHJK`.
pub fn grouped(number: &str) -> String {
    match number.split_at_checked(5) {
        Some((a, b)) if !b.is_empty() => format!("{a}-{b}"),
        _ => number.to_owned(),
    }
}

fn check_of(digits: &[u8]) -> u8 {
    let sum: u32 = (2..).zip(digits).map(|(weight, d)| weight * u32::from(*d)).sum();
    (sum % 31) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back_however_people_say_it() {
        let number = encode(0x1234_5678_9abc);
        assert_eq!(number.len(), 10);
        assert_eq!(normalise(&number), Some(number.clone()));
        assert_eq!(normalise(&grouped(&number).to_lowercase()), Some(number.clone()));
        assert_eq!(normalise(&number.replace('0', "o")), Some(number));
        assert_eq!(normalise(""), None);
    }

    #[test]
    fn slips_are_found() {
        for bits in (0..2_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let number: Vec<char> = encode(bits).chars().collect();
            for i in 0..9 {
                for wrong in ALPHABET.iter().map(|c| char::from(*c)).filter(|c| *c != number[i]) {
                    let mut slip = number.clone();
                    slip[i] = wrong;
                    let unseen = matches!((wrong, number[i]), ('0', 'Z') | ('Z', '0'));
                    assert_eq!(normalise(&slip.iter().collect::<String>()).is_some(), unseen);
                }
                let mut swapped = number.clone();
                swapped.swap(i, i + 1);
                // 0 and Z are 31 apart, so they are equal modulo 31.
                let alike = |a, b| a == b || matches!((a, b), ('0', 'Z') | ('Z', '0'));
                if i < 8 && !alike(number[i], number[i + 1]) {
                    assert_eq!(normalise(&swapped.iter().collect::<String>()), None);
                }
            }
        }
    }
}
