//! W3C trace context: one trace id all along a record's way, a new span id at each hop.

/// The trace id of a `traceparent`; none when there is none or it is malformed.
pub fn id_of(traceparent: Option<&str>) -> Option<&str> {
    let (trace, _, _) = parts(traceparent?)?;
    Some(trace)
}

/// The `traceparent` of a call made on behalf of `traceparent`: the same trace and flags, a new span.
pub fn child_of(traceparent: &str) -> Option<String> {
    let (trace, _, flags) = parts(traceparent)?;
    Some(format!("00-{trace}-{:016x}-{flags}", fastrand::u64(1..)))
}

/// Trace id, span id and flags. Later versions may append fields, which we would not know how to pass on.
fn parts(traceparent: &str) -> Option<(&str, &str, &str)> {
    let mut fields = traceparent.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let last = fields.next().is_none();
    let hex = |text: &str, length| {
        text.len() == length
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let set = |text: &str| text.bytes().any(|byte| byte != b'0');
    let known = hex(version, 2) && version != "ff" && (last || version != "00");
    let sound = hex(trace, 32) && set(trace) && hex(span, 16) && set(span) && hex(flags, 2);
    (known && sound).then_some((trace, span, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_child_keeps_the_trace_and_gets_a_span() {
        let child = child_of(PARENT).unwrap();
        assert_eq!(id_of(Some(&child)), id_of(Some(PARENT)));
        assert_eq!(id_of(Some(PARENT)), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert!(child.ends_with("-01") && child != PARENT && child_of(PARENT).unwrap() != child);
    }

    #[test]
    fn what_is_no_trace_is_not_passed_on() {
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!((id_of(Some(wrong)), child_of(wrong)), (None, None), "{wrong}");
        }
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert!(child_of(later).is_some_and(|child| child.starts_with("00-")));
    }
}
