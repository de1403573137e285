//! WebSocket frames (RFC 6455, section 5.2), as little of them as both ends of a measurement need: whole
//! messages, no extensions.

/// A text message.
pub const TEXT: u8 = 1;
/// The goodbye.
pub const CLOSE: u8 = 8;
/// A ping, which wants a [`PONG`].
pub const PING: u8 = 9;
/// The answer to a [`PING`].
pub const PONG: u8 = 10;

/// What the bytes begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What kind of frame it is.
    pub opcode: u8,
    /// The key that the payload is masked with, if it is.
    pub key: Option<[u8; 4]>,
    /// Bytes before the payload.
    pub length: usize,
    /// Bytes of the payload.
    pub payload: usize,
}

/// Reads a header; `None` when there is not all of it yet.
pub fn header(bytes: &[u8]) -> Option<Header> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (payload, mut length) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).unwrap_or(usize::MAX), 10),
        short => (usize::from(short), 2),
    };
    let key = if second & 0x80 == 0 {
        None
    } else {
        let key = *bytes.get(length..)?.first_chunk::<4>()?;
        length += 4;
        Some(key)
    };
    Some(Header { opcode: first & 0x0f, key, length, payload })
}

/// Appends a frame as a client sends it.
pub fn push_masked(out: &mut Vec<u8>, opcode: u8, key: [u8; 4], payload: &[u8]) {
    push_header(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[start..], key);
}

/// Appends a frame as a server sends it.
pub fn push(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

fn push_header(out: &mut Vec<u8>, opcode: u8, payload: usize, masked: u8) {
    out.push(0x80 | opcode);
    match (u8::try_from(payload), u16::try_from(payload)) {
        (Ok(short @ 0..=125), _) => out.push(masked | short),
        (_, Ok(length)) => {
            out.push(masked | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(payload as u64).to_be_bytes());
        }
    }
}

/// Masks, or takes the mask away.
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (eights, rest) = payload.as_chunks_mut::<8>();
    for eight in eights {
        *eight = (u64::from_ne_bytes(*eight) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 7, 8, 125, 126, 300, 65_535, 65_536] {
            let payload: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            let mut bytes = Vec::new();
            push_masked(&mut bytes, TEXT, [1, 2, 3, 4], &payload);
            let read = header(&bytes).unwrap();
            assert_eq!(
                (read.opcode, read.payload, read.length + length as usize),
                (TEXT, payload.len(), bytes.len())
            );
            mask(&mut bytes[read.length..], read.key.unwrap());
            assert_eq!(bytes[read.length..], payload);
            assert!((0..read.length).all(|cut| header(&bytes[..cut]).is_none()));

            let mut bytes = Vec::new();
            push(&mut bytes, PONG, &payload);
            let read = header(&bytes).unwrap();
            assert_eq!((read.opcode, read.key, &bytes[read.length..]), (PONG, None, payload.as_slice()));
        }
    }
}
