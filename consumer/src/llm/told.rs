//! What a provider's headers tell of its limits: what is left of them, and when they are whole again. Pure.

use std::time::Duration;

/// What is left of one limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Left {
    pub remaining: u64,
    /// The whole of it.
    pub limit: Option<u64>,
    /// Until it is whole again.
    pub whole_in: Duration,
}

/// What the headers of one answer tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Told {
    pub requests: Option<Left>,
    /// Input and output together.
    pub tokens: Option<Left>,
}

/// Reads the headers `x-ratelimit-{remaining,limit,reset}-{requests,tokens}`; what cannot be read is not there.
pub fn read<'headers>(header: impl Fn(&str) -> Option<&'headers str>) -> Told {
    let left = |kind: &str| {
        let number = |what: &str| header(&format!("x-ratelimit-{what}-{kind}"))?.trim().parse::<u64>().ok();
        Some(Left {
            remaining: number("remaining")?,
            limit: number("limit"),
            whole_in: duration(header(&format!("x-ratelimit-reset-{kind}"))?)?,
        })
    };
    Told { requests: left("requests"), tokens: left("tokens") }
}

/// `6m0s`, `1.5s`, `20ms`, `1h2m3s` or plain seconds; none above a day, which is no limit by the minute.
fn duration(text: &str) -> Option<Duration> {
    const LONGEST: f64 = 86_400.0;
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        total += number
            * match &rest[..letters] {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "" | "s" => 1.0,
                "ms" => 0.001,
                "us" => 0.000_001,
                _ => return None,
            };
        rest = &rest[letters..];
    }
    Duration::try_from_secs_f64(total).ok().filter(|_| !text.trim().is_empty() && total <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_providers_write_them() {
        for (text, wanted) in [
            ("6m0s", Some(360.0)),
            ("1h2m3.5s", Some(3723.5)),
            ("20ms", Some(0.02)),
            ("59.7", Some(59.7)),
            (" 3s ", Some(3.0)),
            ("0", Some(0.0)),
            ("", None),
            ("soon", None),
            ("-1s", None),
            ("1x", None),
            ("1.2.3s", None),
            ("9999999999h", None),
            ("2026-11-23T09:00:00Z", None),
        ] {
            assert_eq!(duration(text).map(|found| found.as_secs_f64()), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_told_of_requests_and_tokens_is_kept_apart() {
        let told = read(|name| match name {
            "x-ratelimit-remaining-requests" => Some("3"),
            "x-ratelimit-limit-requests" => Some("60"),
            "x-ratelimit-reset-requests" => Some("57s"),
            "x-ratelimit-remaining-tokens" => Some("many"),
            _ => None,
        });
        let requests = Left { remaining: 3, limit: Some(60), whole_in: Duration::from_secs(57) };
        assert_eq!(told, Told { requests: Some(requests), tokens: None });
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(text in ".*") {
            let _ = duration(&text);
            let _ = read(|_| Some(&text));
        }
    }
}
