//! Reads one bracketed value tolerantly: where it ends, what is open when it does not, and a cleaned copy.

/// How the value ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// At its closing bracket.
    Closed,
    /// Not at all: `closers` would close it; `whole` says that the last value of the item was complete.
    Open { closers: String, whole: bool },
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    pub ending: Ending,
    /// The text without trailing commas, control characters in strings escaped.
    pub clean: String,
    /// Bytes of the input that belong to the value.
    pub read: usize,
    /// Bytes after which another value may start when this one is of no use.
    pub resume: usize,
    /// Where in `clean` the last complete item of the outer list ends, and what closes the brackets there.
    pub last_item: Option<(usize, String)>,
    pub escaped: bool,
    pub dropped_comma: bool,
}

struct Scanner {
    stack: Vec<u8>,
    /// How deep the list of items lies: 1 for a bare list, 2 under the key `items`.
    list: Option<usize>,
    out: String,
    last_item: Option<(usize, String)>,
    in_string: bool,
    after_backslash: bool,
    escaped: bool,
    dropped_comma: bool,
}

/// Where, from byte `from` on, a bracket stands that can start an answer: `{` before a key, `[` before an object.
pub fn next_start(text: &str, from: usize) -> Option<usize> {
    text[from..].char_indices().find_map(|(at, character)| {
        let next = || text[from + at + 1..].trim_start().chars().next();
        let plausible = match character {
            '{' => matches!(next(), Some('"' | '}') | None),
            '[' => matches!(next(), Some('{' | ']') | None),
            _ => false,
        };
        plausible.then_some(from + at)
    })
}

/// Reads the value that starts with the first byte of `text`, a `{` or `[`.
pub fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        stack: Vec::new(),
        list: None,
        out: String::with_capacity(text.len()),
        last_item: None,
        in_string: false,
        after_backslash: false,
        escaped: false,
        dropped_comma: false,
    };
    for (at, character) in text.char_indices() {
        if scanner.in_string {
            scanner.string_character(character);
            continue;
        }
        match character {
            '{' | '[' => scanner.open(character),
            '}' | ']' if !scanner.close(character) => return scanner.finish(Ending::Closed, at, 1),
            '}' | ']' if scanner.stack.is_empty() => {
                return scanner.finish(Ending::Closed, at + 1, at + 1);
            }
            '}' | ']' => {}
            other => scanner.other(other),
        }
    }
    let ending = Ending::Open { closers: scanner.closers(), whole: scanner.ends_whole() };
    scanner.finish(ending, text.len(), 1)
}

impl Scanner {
    fn string_character(&mut self, character: char) {
        if (character as u32) < 0x20 {
            self.escaped = true;
            self.out.push_str(&format!("\\u{:04x}", character as u32));
            self.after_backslash = false;
            return;
        }
        self.out.push(character);
        match character {
            _ if self.after_backslash => self.after_backslash = false,
            '\\' => self.after_backslash = true,
            '"' => self.in_string = false,
            _ => {}
        }
    }

    fn open(&mut self, character: char) {
        if character == '[' && (self.stack.is_empty() || (self.stack.len() == 1 && self.after_items_key())) {
            self.list = Some(self.stack.len() + 1);
        }
        self.stack.push(if character == '{' { b'{' } else { b'[' });
        self.out.push(character);
    }

    /// False when the bracket does not match: the text is then not JSON.
    fn close(&mut self, character: char) -> bool {
        let wanted = if character == '}' { b'{' } else { b'[' };
        if self.stack.pop() != Some(wanted) {
            return false;
        }
        self.drop_comma();
        self.out.push(character);
        if character == '}' && self.list == Some(self.stack.len()) {
            self.last_item = Some((self.out.len(), self.closers()));
        }
        true
    }

    fn other(&mut self, character: char) {
        self.in_string = character == '"';
        self.out.push(character);
    }

    /// Takes a comma off the end of the output, white space after it included.
    fn drop_comma(&mut self) {
        if let Some(rest) = self.out.trim_end().strip_suffix(',') {
            let length = rest.len();
            self.out.truncate(length);
            self.dropped_comma = true;
        }
    }

    fn closers(&self) -> String {
        self.stack.iter().rev().map(|open| if *open == b'{' { '}' } else { ']' }).collect()
    }

    fn after_items_key(&self) -> bool {
        let before = self.out.trim_end();
        before.strip_suffix(':').is_some_and(|key| key.trim_end().ends_with("\"items\""))
    }

    /// Whether closing the brackets loses nothing: the break came after a value, and not inside a nested one.
    fn ends_whole(&self) -> bool {
        let end = self.out.trim_end();
        let after_item = end.ends_with('}') && self.list == Some(self.stack.len());
        let in_item = self.stack.last() == Some(&b'{')
            && (self.stack.len() == 1 || self.list.is_some_and(|list| list + 1 == self.stack.len()));
        let complete = end.ends_with(['"', '}', ']'])
            || ["true", "false", "null"].iter().any(|word| end.ends_with(word));
        !self.in_string && (after_item || (in_item && complete))
    }

    fn finish(self, ending: Ending, read: usize, resume: usize) -> Scan {
        Scan {
            ending,
            clean: self.out,
            read,
            resume,
            last_item: self.last_item,
            escaped: self.escaped,
            dropped_comma: self.dropped_comma,
        }
    }
}
