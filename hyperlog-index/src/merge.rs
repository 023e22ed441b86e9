//! Two ordered sequences of changes as one, where the upper one hides the lower.

use std::cmp::Ordering;
use std::iter::Peekable;

use bytes::Bytes;
use level::{Error, Order};

/// What becomes of a key: a value, or nothing.
type Change = Result<(Bytes, Option<Bytes>), Error>;

/// `upper` over `lower`; both are in `order`, and so is the result. Errors come out where they stand.
pub(crate) fn over<U, L>(upper: U, lower: L, order: Order) -> Over<U, L>
where
    U: Iterator<Item = Change>,
    L: Iterator<Item = Change>,
{
    Over { upper: upper.peekable(), lower: lower.peekable(), order }
}

pub(crate) struct Over<U: Iterator, L: Iterator> {
    upper: Peekable<U>,
    lower: Peekable<L>,
    order: Order,
}

impl<U, L> Iterator for Over<U, L>
where
    U: Iterator<Item = Change>,
    L: Iterator<Item = Change>,
{
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        let (upper, lower) = match (self.upper.peek(), self.lower.peek()) {
            (None, _) | (_, Some(Err(_))) => return self.lower.next(),
            (_, None) | (Some(Err(_)), _) => return self.upper.next(),
            (Some(Ok((upper, _))), Some(Ok((lower, _)))) => (upper, lower),
        };
        let first = match self.order {
            Order::Ascending => upper.cmp(lower),
            Order::Descending => lower.cmp(upper),
        };
        match first {
            Ordering::Less => self.upper.next(),
            Ordering::Greater => self.lower.next(),
            Ordering::Equal => {
                self.lower.next();
                self.upper.next()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(text: &str) -> impl Iterator<Item = Change> + '_ {
        text.split_whitespace().map(|word| {
            let (key, value) = word.split_at(1);
            Ok((Bytes::copy_from_slice(key.as_bytes()), Some(Bytes::copy_from_slice(value.as_bytes()))))
        })
    }

    fn merged(upper: &str, lower: &str, order: Order) -> String {
        let word = |change: Change| {
            let (key, value) = change.expect("the drawn changes have no errors");
            format!(
                "{}{}",
                String::from_utf8_lossy(&key),
                String::from_utf8_lossy(&value.unwrap_or_default())
            )
        };
        over(changes(upper), changes(lower), order).map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_upper_hides_the_lower_in_either_order() {
        assert_eq!(merged("b2 d2", "a1 b1 c1", Order::Ascending), "a1 b2 c1 d2");
        assert_eq!(merged("d2 b2", "c1 b1 a1", Order::Descending), "d2 c1 b2 a1");
        assert_eq!(merged("", "a1", Order::Ascending), "a1");
        assert_eq!(merged("a2", "", Order::Ascending), "a2");
    }

    #[test]
    fn an_error_comes_out() {
        let failed = || std::iter::once(Err(Error::Poisoned));
        assert!(over(changes("a1"), failed(), Order::Ascending).any(|change| change.is_err()));
        assert!(over(failed(), changes("a1"), Order::Ascending).any(|change| change.is_err()));
    }
}
