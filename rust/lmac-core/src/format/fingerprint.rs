//! Fingerprints: what must be the same for a model in floating point to compute the same numbers.
//!
//! Sums of rounded products depend on the order of the products, and that on the runtime, its version, the processor
//! and the threads. A frame records these conditions as text, `key=value; key=value`, so that a decoder elsewhere
//! can say at once what differs instead of failing an hour later.
//!
//! In a frame it has the short form of `phrases.rs`. Format: docs/format.md, "Fingerprints".

/// What a user can set to have a part as it was: the key, and how it is set.
const SETTABLE: [(&str, &str); 3] = [
    ("threads", "threads=, -T"),
    ("provider", "device=, --device"),
    ("context", "context_length=, --context-length"),
];

/// What differs between the conditions of writing and those of reading, in words.
pub(crate) fn difference(written: Option<&str>, here: Option<&str>) -> String {
    let (written, here) = match (written, here) {
        (None, _) => return "it was an exact model, and this one is none".into(),
        (_, None) => return "this is an exact model, and it was none".into(),
        (Some(written), Some(here)) => (parts(written), parts(here)),
    };
    let value = |of: &[(&str, &str)], key: &str| {
        let part = of.iter().find(|(name, _)| *name == key);
        part.map_or("not stated", |(_, value)| value).to_string()
    };
    let only_here = here
        .iter()
        .filter(|(key, _)| written.iter().all(|(name, _)| name != key));
    let mut clauses = Vec::new();
    for (key, _) in written.iter().chain(only_here) {
        let (then, now) = (value(&written, key), value(&here, key));
        let way = SETTABLE.iter().find(|(name, _)| name == key);
        let hint = way.map_or_else(String::new, |(_, way)| format!(" (set by {way})"));
        if then != now {
            clauses.push(format!("{key} was {then}, here it is {now}{hint}"));
        }
    }
    clauses.join("; ")
}

fn parts(fingerprint: &str) -> Vec<(&str, &str)> {
    let parts = fingerprint.split("; ");
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "stated")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let written = "onnxruntime=1.30.0; provider=CPU; threads=16; odd";
        let here = "onnxruntime=1.31.1; provider=CPU; threads=2; cache=1M";
        assert_eq!(
            difference(Some(written), Some(here)),
            "onnxruntime was 1.30.0, here it is 1.31.1; \
             threads was 16, here it is 2 (set by threads=, -T); \
             odd was stated, here it is not stated; cache was not stated, here it is 1M"
        );
        assert!(difference(None, Some(here)).contains("exact"));
    }
}
