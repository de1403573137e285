//! The server side of RFC 6455: decodes frames from clients, encodes frames for clients. Bytes in, bytes out.
//!
//! No extensions, and no fragments in the output.

/// Most bytes that a control frame may carry (section 5.5).
const CONTROL_BYTES_MAX: usize = 125;
/// The longest head of a client's frame, in bytes (section 5.2).
const HEAD_BYTES_MAX: usize = 14;
const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// A message from a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The answer carries the same bytes.
    Ping(Vec<u8>),
    Pong,
    /// With or without a code. Later frames are ignored.
    Close(Option<u16>),
}

/// Why a client's input cannot be decoded further.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    #[error("a frame that the protocol does not allow")]
    Protocol,
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// A message longer than the decoder allows.
    #[error("a message that is too long")]
    TooBig,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    fn of(first: u8) -> Result<Self, Fault> {
        Ok(match first & 0x0f {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return Err(Fault::Protocol),
        })
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Binary,
}

/// A frame whose head is complete.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    last: bool,
    /// Rotated so that its first byte is for the next byte to come.
    mask: [u8; 4],
    /// Bytes still to come.
    left: usize,
}

/// Decodes the input of one client. The result does not depend on how the input is cut into pieces, and memory is taken
/// only for bytes that have come.
#[derive(Debug)]
pub struct Decoder {
    message_bytes_max: usize,
    head: [u8; HEAD_BYTES_MAX],
    /// Bytes of the head that have come.
    head_length: usize,
    frame: Option<Frame>,
    /// The kind of the message under way, between its first frame and its last.
    kind: Option<Kind>,
    message: Vec<u8>,
    /// The payload of a control frame, which may come between the frames of a message (section 5.4).
    control: Vec<u8>,
}

impl Decoder {
    /// Reads messages of up to so many bytes.
    pub fn new(message_bytes_max: usize) -> Self {
        Self {
            message_bytes_max,
            head: [0; HEAD_BYTES_MAX],
            head_length: 0,
            frame: None,
            kind: None,
            message: Vec::new(),
            control: Vec::new(),
        }
    }

    /// Reads from the front of `input` until a message is complete, or to its end.
    ///
    /// # Errors
    /// On a violation of the protocol; the connection must be closed.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Received>, Fault> {
        loop {
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.begin(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let frame = self.fill(frame, input);
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(received) = self.complete(frame)? {
                return Ok(Some(received));
            }
        }
    }

    /// Reads the head of the next frame.
    fn begin(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Fault> {
        loop {
            let wanted = match self.head_length {
                0 | 1 => 2,
                _ => 2 + extended_length_bytes(self.head[1]) + 4,
            };
            let taken = take(input, wanted - self.head_length);
            self.head[self.head_length..][..taken.len()].copy_from_slice(taken);
            self.head_length += taken.len();
            if self.head_length < wanted {
                return Ok(None);
            }
            if wanted > 2 {
                break;
            }
            self.check(self.head[0], self.head[1])?;
        }
        let head = &self.head[..std::mem::take(&mut self.head_length)];
        let (lengths, mask) = head.split_at(head.len() - 4);
        let length = match &lengths[2..] {
            [] => u64::from(lengths[1] & !MASKED),
            extended => extended.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let (opcode, last) = (Opcode::of(head[0])?, head[0] & FIN != 0);
        let room = self.message_bytes_max - if opcode.is_control() { 0 } else { self.message.len() };
        let left = usize::try_from(length).ok().filter(|length| *length <= room).ok_or(Fault::TooBig)?;
        let mask = [mask[0], mask[1], mask[2], mask[3]];
        Ok(Some(Frame { opcode, last, mask, left }))
    }

    /// Checks the first two bytes of a head at once: after a wrong one the rest may never come.
    fn check(&mut self, first: u8, second: u8) -> Result<(), Fault> {
        let opcode = Opcode::of(first)?;
        let unmasked = second & MASKED == 0;
        let control_is_wrong = first & FIN == 0 || usize::from(second & !MASKED) > CONTROL_BYTES_MAX;
        let out_of_order = match opcode {
            Opcode::Continuation => self.kind.is_none(),
            Opcode::Text | Opcode::Binary => self.kind.is_some(),
            Opcode::Close | Opcode::Ping | Opcode::Pong => control_is_wrong,
        };
        if first & RESERVED != 0 || unmasked || out_of_order {
            return Err(Fault::Protocol);
        }
        match opcode {
            Opcode::Text => self.kind = Some(Kind::Text),
            Opcode::Binary => self.kind = Some(Kind::Binary),
            _ => {}
        }
        Ok(())
    }

    /// Takes the part of a frame's payload that has come.
    fn fill(&mut self, mut frame: Frame, input: &mut &[u8]) -> Frame {
        let payload = if frame.opcode.is_control() { &mut self.control } else { &mut self.message };
        let (before, taken) = (payload.len(), take(input, frame.left));
        payload.extend_from_slice(taken);
        unmask(&mut payload[before..], frame.mask);
        frame.mask.rotate_left(taken.len() % 4);
        frame.left -= taken.len();
        frame
    }

    fn complete(&mut self, frame: Frame) -> Result<Option<Received>, Fault> {
        Ok(match frame.opcode {
            Opcode::Ping => Some(Received::Ping(std::mem::take(&mut self.control))),
            Opcode::Pong => {
                self.control = Vec::new();
                Some(Received::Pong)
            }
            Opcode::Close => Some(Received::Close(close_code(&std::mem::take(&mut self.control))?)),
            Opcode::Continuation | Opcode::Text | Opcode::Binary if !frame.last => None,
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                let message = std::mem::take(&mut self.message);
                Some(match self.kind.take() {
                    Some(Kind::Text) => {
                        Received::Text(String::from_utf8(message).map_err(|_| Fault::NotUtf8)?)
                    }
                    Some(Kind::Binary) => Received::Binary(message),
                    None => return Err(Fault::Protocol),
                })
            }
        })
    }
}

/// Bytes for a length that does not fit into the second byte of a head.
fn extended_length_bytes(second: u8) -> usize {
    match second & !MASKED {
        127 => 8,
        126 => 2,
        _ => 0,
    }
}

/// Takes at most `most` bytes from the front.
fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    taken
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    // Four at a time, so that the compiler vectorises the loop.
    let (words, rest) = bytes.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// The code in a close frame (sections 5.5.1 and 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(Fault::Protocol),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Fault::Protocol);
    }
    std::str::from_utf8(reason).map_err(|_| Fault::NotUtf8)?;
    Ok(Some(code))
}

/// Appends a text message.
pub fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    encode(Opcode::Text, text, out);
}

/// Appends a ping.
pub fn encode_ping(out: &mut Vec<u8>) {
    encode(Opcode::Ping, &[], out);
}

/// Appends the answer to a ping.
pub fn encode_pong(payload: &[u8], out: &mut Vec<u8>) {
    encode(Opcode::Pong, payload, out);
}

/// Appends a close frame, with or without a code.
pub fn encode_close(code: Option<u16>, out: &mut Vec<u8>) {
    match code {
        Some(code) => encode(Opcode::Close, &code.to_be_bytes(), out),
        None => encode(Opcode::Close, &[], out),
    }
}

fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let first = FIN | opcode as u8;
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => out.extend_from_slice(&[first, length]),
        (_, Ok(length)) => {
            let [high, low] = length.to_be_bytes();
            out.extend_from_slice(&[first, 126, high, low]);
        }
        _ => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}
