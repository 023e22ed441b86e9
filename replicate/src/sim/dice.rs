//! Chance that can be had again: a few lines of splitmix64 (Steele, Lea and Flood 2014).

use std::time::Duration;

/// Dice that fall the same way whenever they begin with the same seed.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice with a seed. Seeds that lie side by side have nothing in common.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Any number.
    pub const fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when there is none.
    pub const fn below(&mut self, end: u64) -> u64 {
        // The high half of the product: every number is as likely as the next, but for one in 2^64 / end.
        ((self.roll() as u128 * end as u128) >> 64) as u64
    }

    /// A place in a list of `len` items; 0 when it is empty.
    pub fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A number from 1 to `max`, small ones as likely as large ones: each doubling has the same chance.
    pub fn up_to(&mut self, max: usize) -> usize {
        let doublings = u64::from(usize::BITS - max.leading_zeros());
        let end = 1usize << self.below(doublings);
        let wide = end.saturating_mul(2).min(max.saturating_add(1));
        end + self.place(wide.saturating_sub(end).max(1))
    }

    /// Whether something comes true that does so `percent` times in a hundred.
    pub const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several; none when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.place(items.len()))
    }

    /// A time below `end`.
    pub fn time(&mut self, end: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(end.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Other dice, whose falls these decide and do not share.
    pub const fn split(&mut self) -> Self {
        Self::new(self.roll())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_falls() {
        let falls = |seed| {
            let mut dice = Dice::new(seed);
            [dice.roll(), dice.roll(), dice.below(10), dice.split().roll()]
        };
        assert_eq!(falls(7), falls(7));
        assert_ne!(falls(7), falls(8));
        assert_eq!(Dice::new(0).roll(), 0xe220_a839_7b1d_cdaf, "as published");
    }

    #[test]
    fn a_fall_keeps_to_its_bounds_and_reaches_them() {
        let mut dice = Dice::new(1);
        let (mut small, mut large) = (0, 0);
        for _ in 0..10_000 {
            assert!(dice.below(3) < 3 && dice.below(0) == 0);
            for max in [1, 2, 3, 7, 8, 1_000] {
                assert!((1..=max).contains(&dice.up_to(max)), "{max}");
            }
            match dice.up_to(1_000) {
                1 => small += 1,
                900.. => large += 1,
                _ => {}
            }
        }
        assert!(small > 700 && large > 100, "{small}, {large}");
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
