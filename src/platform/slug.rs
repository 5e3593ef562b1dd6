//! The file-name form of a name.

/// The file-name form of a name: lower-cased, and each run of anything but `a`-`z` and `0`-`9` an underscore, none at the ends.
pub fn slug(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.to_lowercase().chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            if gap && !out.is_empty() {
                out.push('_');
            }
            gap = false;
            out.push(c);
        } else {
            gap = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_those_of_the_official_client_of_qualytics() {
        for (name, expected) in [
            ("Hello World", "hello_world"),
            ("prod-db (main)", "prod_db_main"),
            ("a   b", "a_b"),
            ("  --hello--  ", "hello"),
            ("2024.Q1", "2024_q1"),
            ("ÉCOLE", "cole"),
            ("日本", ""),
            ("\u{fb01}le", "le"),
            ("prod.pg", "prod_pg"),
            ("PROD PG!", "prod_pg"),
        ] {
            assert_eq!(slug(name), expected, "{name}");
        }
    }
}
