//! What is shown next to a name, since anybody can take any name.

use data_encoding::BASE32_NOPAD;
use hyperlog::WriterId;

use crate::sanitize::SEPARATOR;

/// The first 40 bits of a key, as 8 letters and digits in lower case (base32, RFC 4648). Enough to tell people apart in a
/// channel; to make a key with a given one takes about 2^40 tries, so before you trust somebody with more than a chat compare
/// whole keys.
#[must_use]
pub fn fingerprint(key: &WriterId) -> String {
    let [a, b, c, d, e, ..] = *key.as_bytes();
    BASE32_NOPAD.encode(&[a, b, c, d, e]).to_lowercase()
}

/// A name and whose it is: `ana~k3f7q2ab`. No sanitized name has a `~`.
#[must_use]
pub fn signed_name(name: &str, key: &WriterId) -> String {
    format!("{name}{SEPARATOR}{}", fingerprint(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_beginning_of_the_key_in_base32() {
        let mut bytes = [0; 32];
        bytes[..5].copy_from_slice(b"hello");
        let key = WriterId::from_stored(bytes);
        assert_eq!(fingerprint(&key), "nbswy3dp");
        assert_eq!(signed_name("ana", &key), "ana~nbswy3dp");
    }
}
