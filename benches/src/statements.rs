//! Counts the statements that a client sends to Postgres:
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

/// The type and length of a message.
const HEADER: usize = 5;

/// Parses the messages of one connection, however they are split into chunks.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    has_started: bool,
    header: Vec<u8>,
    /// How many bytes of the current message's body are still to come.
    rest: usize,
}

impl Statements {
    /// Counts the statements in a chunk.
    pub(crate) fn count(&mut self, mut piece: &[u8]) -> usize {
        let mut statements = 0;
        while !piece.is_empty() {
            if self.rest > 0 {
                let skipped = self.rest.min(piece.len());
                self.rest -= skipped;
                piece = piece.get(skipped..).unwrap_or_default();
                continue;
            }
            // The first message of a connection has no type.
            if !self.has_started && self.header.is_empty() {
                self.header.push(0);
            }
            let missing = (HEADER - self.header.len()).min(piece.len());
            let (begin, rest) = piece.split_at(missing);
            self.header.extend_from_slice(begin);
            piece = rest;
            if let [kind, a, b, c, d] = *self.header {
                self.has_started = true;
                // The length includes itself.
                self.rest = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(4);
                statements += usize::from(matches!(kind, b'Q' | b'E'));
                self.header.clear();
            }
        }
        statements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    #[test]
    fn queries_and_executes_count_however_they_are_cut() {
        let startup = message(b'E', b"\0\x03\0\0user\0me\0\0").split_off(1);
        let stream = [
            startup,
            message(b'p', b"secret"),
            message(b'Q', b"begin\0"),
            message(b'P', b"Q E Q E"),
            message(b'B', b""),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
        ]
        .concat();
        assert_eq!(Statements::default().count(&stream), 2);
        let mut bytewise = Statements::default();
        assert_eq!(stream.iter().map(|byte| bytewise.count(&[*byte])).sum::<usize>(), 2);
    }
}
