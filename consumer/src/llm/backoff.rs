//! How long to wait: full jitter after failures, equal jitter with a floor after a 429, and what headers ask.

use std::time::{Duration, SystemTime};

/// Longest wait that a provider's header can impose.
pub const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// Waiting after failures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    pub base: Duration,
    pub cap: Duration,
}

impl Backoff {
    /// Full jitter: anywhere between nothing and `base * 2^failures`, at most `cap`.
    pub fn after(&self, failures: u32) -> Duration {
        self.window(failures).mul_f64(fastrand::f64())
    }

    /// Equal jitter: at least half the window, because near-zero waits burn a rate limit's whole period.
    pub fn throttled(&self, bursts: u32) -> Duration {
        const FLOOR: Duration = Duration::from_secs(2);
        let window = self.window(bursts).max(FLOOR);
        window.mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    fn window(&self, exponent: u32) -> Duration {
        self.base.saturating_mul(1u32.checked_shl(exponent.min(20)).unwrap_or(u32::MAX)).min(self.cap)
    }
}

/// The wait that the headers `retry-after-ms` and `retry-after` (seconds or an HTTP date) ask for, at most 120 s.
pub fn asked(milliseconds: Option<&str>, retry_after: Option<&str>, now: SystemTime) -> Option<Duration> {
    let seconds = |text: &str, unit: f64| {
        let number: f64 = text.trim().parse().ok()?;
        Duration::try_from_secs_f64(number / unit).ok()
    };
    let date = |text: &str| {
        let moment = httpdate::parse_http_date(text.trim()).ok()?;
        Some(moment.duration_since(now).unwrap_or_default())
    };
    let by_ms = milliseconds.and_then(|text| seconds(text, 1000.0));
    let asked = by_ms.or_else(|| retry_after.and_then(|text| seconds(text, 1.0).or_else(|| date(text))));
    asked.map(|wait| wait.min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(30) };

    #[test]
    fn waits_stay_within_their_windows() {
        for failures in 0..70 {
            assert!(BACKOFF.after(failures) <= BACKOFF.cap);
            let throttled = BACKOFF.throttled(failures);
            assert!(throttled >= Duration::from_secs(1) && throttled <= BACKOFF.cap, "{throttled:?}");
        }
    }

    #[test]
    fn headers_are_read_in_all_their_forms_and_clamped() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let later = httpdate::fmt_http_date(now + Duration::from_secs(7));
        let earlier = httpdate::fmt_http_date(now - Duration::from_secs(7));
        for (ms, header, wanted) in [
            (None, Some("3"), Some(3.0)),
            (None, Some("0.5"), Some(0.5)),
            (Some("250"), Some("3"), Some(0.25)),
            (Some("x"), Some("3"), Some(3.0)),
            (None, Some(later.as_str()), Some(7.0)),
            (None, Some(earlier.as_str()), Some(0.0)),
            (None, Some("3600"), Some(120.0)),
            (None, Some("1e300"), None),
            (None, Some("-1"), None),
            (None, Some("NaN"), None),
            (None, Some("soon"), None),
            (None, None, None),
        ] {
            let found = asked(ms, header, now).map(|wait| wait.as_secs_f64());
            assert_eq!(found, wanted, "{ms:?} {header:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(ms in ".*", header in ".*") {
            let wait = asked(Some(&ms), Some(&header), SystemTime::now());
            proptest::prop_assert!(wait.is_none_or(|wait| wait <= LONGEST_ASKED));
        }
    }
}
