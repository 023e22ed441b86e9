//! Times as the clock on the wall here has them: local time, by the time zone of the system (`TZ`, or what it is set to).

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Where the clock hangs.
#[derive(Clone, Debug)]
pub(crate) struct Wall(TimeZone);

impl Wall {
    /// The time zone of the system, and UTC where it has none.
    pub(crate) fn here() -> Self {
        Self(TimeZone::system())
    }

    #[cfg(test)]
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// `21:07`. Anybody may have claimed any time: one that no calendar has is `--:--`.
    pub(crate) fn time(&self, millis: u64) -> String {
        self.format(millis, "%H:%M").unwrap_or_else(|| "--:--".into())
    }

    /// `Saturday, 21 November 2026`.
    pub(crate) fn day(&self, millis: u64) -> Option<String> {
        self.format(millis, "%A, %-d %B %Y")
    }

    /// `2026-11-21 21:07`.
    pub(crate) fn date(&self, millis: u64) -> String {
        self.format(millis, "%Y-%m-%d %H:%M").unwrap_or_else(|| "----------".into())
    }

    fn format(&self, millis: u64, format: &str) -> Option<String> {
        let time = Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()?;
        Some(time.to_zoned(self.0.clone()).strftime(format).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_calendar_has_are_no_fault() {
        let wall = Wall::utc();
        assert_eq!(wall.time(0), "00:00");
        assert_eq!(wall.day(1_795_297_000_000).as_deref(), Some("Saturday, 21 November 2026"));
        assert_eq!(wall.time(u64::MAX), "--:--");
        assert_eq!(wall.day(i64::MAX as u64), None);
    }
}
