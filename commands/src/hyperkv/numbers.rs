//! Numbers that JSON can write and no value can hold.

/// The first whole number in a JSON text that does not fit into 64 bits: it would be read as another one near by. The text
/// is known to be JSON.
pub(super) fn too_large(json: &[u8]) -> Option<String> {
    let mut rest = json;
    while let Some((first, behind)) = rest.split_first() {
        rest = match first {
            b'"' => after_text(behind),
            b'-' | b'0'..=b'9' => {
                let len = rest.iter().take_while(|byte| is_of_number(**byte)).count();
                let (number, behind) = rest.split_at(len);
                let number = String::from_utf8_lossy(number);
                let whole = !number.contains(['.', 'e', 'E']);
                if whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                    return Some(number.into_owned());
                }
                behind
            }
            _ => behind,
        };
    }
    None
}

const fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// What follows a text, whose opening quote was read.
fn after_text(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [] => return rest,
            [b'"', behind @ ..] => return behind,
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::too_large;

    #[test]
    fn whole_numbers_beyond_64_bits_are_found_and_nothing_else() {
        for fine in [
            "18446744073709551615",
            "-9223372036854775808",
            "[1,2.5,1e300,-0]",
            r#"{"a":"99999999999999999999","b\"":"\\","c":[true,null]}"#,
            "123456789012345678901234567890.0",
        ] {
            assert_eq!(too_large(fine.as_bytes()), None, "{fine}");
        }
        for (json, number) in [
            ("18446744073709551616", "18446744073709551616"),
            ("[0, -9223372036854775809]", "-9223372036854775809"),
            (r#"{"a\\":100000000000000000001}"#, "100000000000000000001"),
        ] {
            assert_eq!(too_large(json.as_bytes()).as_deref(), Some(number), "{json}");
        }
    }
}
