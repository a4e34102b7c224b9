//! Cuts a stream into lines without ever holding more than one, or more than the longest allowed.

use std::io::{self, BufRead};

/// Longest line that is kept.
pub const LONGEST: usize = 16 * 1024 * 1024;
/// A buffer that grew beyond this for one line is not kept for the next ones.
const USUAL: usize = 1024 * 1024;

/// A line; `number` counts from 1, blank lines included.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'buffer> {
    Whole { number: u64, text: &'buffer [u8] },
    TooLong { number: u64, length: u64 },
}

/// The lines of an input.
pub struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`.
    pub fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), number: 0 }
    }

    /// The next line that is not blank, none at the end.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.buffer.clear();
            self.buffer.shrink_to(USUAL);
            let length = self.fill()?;
            if length == 0 {
                return Ok(None);
            }
            self.number += 1;
            if length > LONGEST as u64 {
                return Ok(Some(Line::TooLong { number: self.number, length }));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some(Line::Whole { number: self.number, text: self.buffer.trim_ascii() }));
            }
        }
    }

    /// Reads up to and including the next line feed; the length counts what was too long to keep as well.
    fn fill(&mut self) -> io::Result<u64> {
        let mut length = 0u64;
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            length += taken as u64;
            if length <= LONGEST as u64 {
                self.buffer.extend_from_slice(&chunk[..taken]);
            }
            let ended = taken == 0 || end.is_some();
            self.input.consume(taken);
            if ended {
                return Ok(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read};

    #[test]
    fn blank_lines_are_skipped_but_counted() {
        let mut lines = Lines::new(&b"a\n\n  \r\nb\r\nc"[..]);
        for (number, text) in [(1, "a"), (4, "b"), (5, "c")] {
            assert_eq!(lines.next_line().unwrap(), Some(Line::Whole { number, text: text.as_bytes() }));
        }
        assert_eq!(lines.next_line().unwrap(), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_without_being_held() {
        let long = io::repeat(b'x').take(LONGEST as u64 + 5);
        let mut lines = Lines::new(BufReader::new((&b"a\n"[..]).chain(long).chain(&b"\nb\n"[..])));
        lines.next_line().unwrap();
        let too_long = Line::TooLong { number: 2, length: LONGEST as u64 + 6 };
        assert_eq!(lines.next_line().unwrap(), Some(too_long));
        assert!(lines.buffer.capacity() <= 2 * LONGEST);
        assert_eq!(lines.next_line().unwrap(), Some(Line::Whole { number: 3, text: b"b" }));
        assert!(lines.buffer.capacity() <= USUAL);
    }
}
