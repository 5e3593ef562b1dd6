//! Signatures of deliveries: HMAC-SHA-256 over the raw body, or the secret itself, compared in constant time, before anything reads the
//! body.

use driftless_core::value::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Whether `header` (`sha256=` and 64 hexadecimal digits) signs `body` under `secret`.
pub(super) fn signs(header: &str, body: &[u8], secret: &Secret) -> bool {
    let Some(signature) = header.strip_prefix("sha256=").and_then(bytes) else {
        return false;
    };
    Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .is_ok_and(|hmac| hmac.chain_update(body).verify_slice(&signature).is_ok())
}

/// Whether `header` is `secret`: both go through HMAC, so that neither its length nor its beginning shows in the time that it takes.
pub(super) fn is_secret(header: &str, secret: &Secret) -> bool {
    let mac = |text: &[u8]| {
        let hmac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
        Some(hmac.chain_update(text))
    };
    let expected = mac(secret.expose().as_bytes()).map(Mac::finalize);
    let presented = mac(header.as_bytes());
    !secret.expose().is_empty()
        && expected
            .zip(presented)
            .is_some_and(|(expected, presented)| presented.verify_slice(&expected.into_bytes()).is_ok())
}

/// The 32 bytes of a SHA-256 in hexadecimal.
fn bytes(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    (digits.len() == 64).then_some(bytes)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The pair that GitHub's documentation of webhook validation gives for testing an implementation.
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secret() -> Secret {
        Secret::new("It's a Secret to Everybody")
    }

    #[test]
    fn the_documented_pair_is_accepted_in_either_case() {
        assert!(signs(SIGNATURE, BODY, &secret()));
        let upper = format!("sha256={}", SIGNATURE["sha256=".len()..].to_uppercase());
        assert!(signs(&upper, BODY, &secret()));
    }

    #[test]
    fn anything_else_is_not() {
        let (head, tail) = SIGNATURE.split_at(SIGNATURE.len() - 1);
        for bad in [
            "",
            "sha256=",
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
            head,
            &format!("{head}8"),
            &format!("{SIGNATURE}00"),
            &SIGNATURE["sha256=".len()..],
            &format!("{head}é"),
            &format!("{head}{tail}\n"),
        ] {
            assert!(!signs(bad, BODY, &secret()), "{bad:?}");
        }
        assert!(!signs(SIGNATURE, b"Hello, World", &secret()));
        assert!(!signs(SIGNATURE, BODY, &Secret::new("it's a secret to everybody")));
    }

    #[test]
    fn a_secret_is_itself_and_nothing_else() {
        assert!(is_secret("It's a Secret to Everybody", &secret()));
        for bad in [
            "",
            "It's a Secret to Everybod",
            "It's a Secret to Everybody ",
            "it's a secret to everybody",
        ] {
            assert!(!is_secret(bad, &secret()), "{bad:?}");
        }
        assert!(!is_secret("", &Secret::new("")));
    }
}
