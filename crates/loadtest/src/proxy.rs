//! A network between a server and what it needs, to be cut. What is on its way then arrives when it is mended,
//! as it would on a real one; connections stand, and nobody is told.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

const BUFFER_BYTES: usize = 16 * 1024;

pub struct Proxy {
    /// Where it listens, on loopback.
    pub port: u16,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    cut: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, cut: bool) {
        *self.cut.lock() = cut;
        self.changed.notify_all();
    }

    /// Waits while it is cut.
    fn pass(&self) {
        self.changed.wait_while(&mut self.cut.lock(), |cut| *cut);
    }
}

impl Proxy {
    /// Listens on a port of its own and passes everything on to another.
    ///
    /// # Errors
    /// When there is no port.
    pub fn to(target: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let gate = Arc::<Gate>::default();
        let of_all = Arc::clone(&gate);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let gate = Arc::clone(&of_all);
                std::thread::spawn(move || connect(&near, target, &gate));
            }
        });
        Ok(Self { port, gate })
    }

    /// Nothing passes from now on.
    pub fn cut(&self) {
        self.gate.set(true);
    }

    /// Everything passes again, also what has waited.
    pub fn mend(&self) {
        self.gate.set(false);
    }
}

fn connect(near: &TcpStream, target: u16, gate: &Arc<Gate>) {
    gate.pass();
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { return };
    // A real network does not wait for more to send.
    let (Ok(()), Ok(())) = (near.set_nodelay(true), far.set_nodelay(true)) else { return };
    let (Ok(from), Ok(to)) = (near.try_clone(), far.try_clone()) else { return };
    let other = Arc::clone(gate);
    std::thread::spawn(move || copy(&from, &to, &other));
    copy(&far, near, gate);
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, gate: &Gate) {
    let mut bytes = vec![0; BUFFER_BYTES];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        gate.pass();
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // The end too arrives only when the network is there. Either side may be gone already.
    gate.pass();
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_cut_waits_and_then_arrives() {
        let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::to(behind.local_addr().unwrap().port()).unwrap();
        let mut near = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).unwrap();
        near.write_all(b"a").unwrap();
        let (mut far, _) = behind.accept().unwrap();
        let mut byte = [0];
        far.read_exact(&mut byte).unwrap();
        proxy.cut();
        near.write_all(b"b").unwrap();
        far.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(far.read(&mut byte).is_err());
        far.set_read_timeout(None).unwrap();
        proxy.mend();
        far.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"b");
        drop(far);
        assert_eq!(near.read(&mut byte).unwrap(), 0);
    }
}
