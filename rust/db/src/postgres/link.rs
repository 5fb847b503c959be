//! The socket of a connection, on which a long answer comes in large pieces.
//!
//! The server sends 8 KiB at a time. A reader that is faster than the server is woken for each of them, and the server
//! pays for that: it takes a third longer for a million rows than when it is read less often.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

/// From here on an answer is a long one: it has taken so long that a pause at its end is not noticed. No chunk of a
/// stream is: each is an answer of its own.
const LONG: usize = 8 << 20;
/// What is let come together. The socket holds as much while the piece before is read.
const PIECE: i32 = 256 << 10;
/// How long it is waited for; tokio's clock goes by milliseconds.
const PATIENCE: Duration = Duration::from_millis(1);

const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(5), 3);

/// How the server is reached, for an exchange and to cancel one.
#[derive(Clone)]
pub(super) struct Door {
    pub address: Address,
    pub tls: MakeRustlsConnect,
}

impl Door {
    /// TLS with the host's name, if the server has it.
    pub fn tls(&self) -> io::Result<impl TlsConnect<Link, Stream: Send + 'static, Future: Send> + use<>> {
        MakeTlsConnect::<Link>::make_tls_connect(&mut self.tls.clone(), &self.address.host)
            .map_err(|error| io::Error::other(Box::<dyn std::error::Error + Send + Sync>::from(error)))
    }
}

/// Where a server is.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// A name, an address, or the folder of a socket.
    pub host: String,
    pub port: u16,
    /// How long each address of the name may take.
    pub timeout: Duration,
}

impl Address {
    pub async fn dial(&self) -> io::Result<Link> {
        #[cfg(unix)]
        if self.host.starts_with('/') {
            let path = std::path::Path::new(&self.host).join(format!(".s.PGSQL.{}", self.port));
            return Ok(Link::new(Socket::Unix(self.within(UnixStream::connect(path)).await?)));
        }
        let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
        for address in lookup_host((self.host.as_str(), self.port)).await? {
            match self.within(TcpStream::connect(address)).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    let (idle, interval, retries) = KEEPALIVE;
                    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(retries);
                    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                    return Ok(Link::new(Socket::Tcp(stream)));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn within<T>(&self, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "connection timed out");
        timeout(self.timeout, connecting).await.unwrap_or_else(|_| Err(late()))
    }
}

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// The stream inside, whichever it is.
macro_rules! stream {
    ($socket:expr, $stream:ident => $then:expr) => {
        match $socket {
            Socket::Tcp($stream) => $then,
            #[cfg(unix)]
            Socket::Unix($stream) => $then,
        }
    };
}

pub(super) struct Link {
    socket: Socket,
    /// Whether it can be told to wait for more than a byte.
    is_patient: bool,
    /// Whether it waits for a piece now.
    waits_for_piece: bool,
    /// Bytes that came since something was sent.
    answered: usize,
    /// Until when it waits for the piece, if it is pausing.
    pause: Pin<Box<Sleep>>,
    is_pausing: bool,
}

impl Link {
    fn new(socket: Socket) -> Self {
        // A Unix socket tells of every message.
        let is_patient = cfg!(target_os = "linux") && matches!(socket, Socket::Tcp(_));
        let pause = Box::pin(sleep(PATIENCE));
        Link { socket, is_patient, waits_for_piece: false, answered: 0, pause, is_pausing: false }
    }

    /// Nothing is there: waits for a piece, and takes what is there when it does not come in time; it may be the last.
    fn poll_piece(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.is_patient || self.answered < LONG {
            return Poll::Pending;
        }
        if !self.is_pausing {
            self.is_pausing = true;
            self.wait_for(true)?;
            self.pause.as_mut().reset(Instant::now() + PATIENCE);
        }
        ready!(self.pause.as_mut().poll(cx));
        if !self.waits_for_piece {
            return Poll::Pending;
        }
        // First this, then a look: the socket tells of what comes in between.
        self.wait_for(false)?;
        let read = stream!(&self.socket, stream => (&*SockRef::from(stream)).read(buf.initialize_unfilled()));
        match read {
            Ok(bytes) => {
                buf.advance(bytes);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Whether the socket shall tell of a piece only, or of each byte.
    ///
    /// # Errors
    /// The system's, where it would go on to wait for a piece that need not come.
    fn wait_for(&mut self, piece: bool) -> io::Result<()> {
        if self.waits_for_piece != piece {
            match stream!(&self.socket, stream => tell_of(stream, if piece { PIECE } else { 1 })) {
                Ok(()) => self.waits_for_piece = piece,
                Err(_) if piece => self.is_patient = false,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What is sent ends the answer before.
    fn sends(&mut self) -> io::Result<()> {
        self.answered = 0;
        self.wait_for(false)
    }
}

/// Has the system wake readers of the socket for so many bytes only.
#[cfg(target_os = "linux")]
fn tell_of(socket: &impl std::os::fd::AsRawFd, bytes: libc::c_int) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or_default();
    // SAFETY: the option's value is one int, which outlives the call.
    let failed = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, (&raw const bytes).cast(), size)
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
fn tell_of<S>(_: &S, _: i32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let mut read = stream!(&mut this.socket, stream => Pin::new(stream).poll_read(cx, buf));
        if read.is_pending() {
            read = this.poll_piece(cx, buf);
        }
        if read.is_ready() {
            this.answered = this.answered.saturating_add(buf.filled().len() - before);
            this.is_pausing = false;
        }
        read
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.sends()?;
        stream!(&mut this.socket, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.sends()?;
        stream!(&mut this.socket, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        stream!(&self.socket, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream!(&mut self.get_mut().socket, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream!(&mut self.get_mut().socket, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// More than a second for a few bytes is a wait that only more bytes would have ended.
    const SOON: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn the_rest_of_a_long_answer_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port(), timeout: SOON };
        let (link, accepted) = tokio::join!(address.dial(), listener.accept());
        let (mut link, mut server) = (link.unwrap(), accepted.unwrap().0);
        let (answer, mut read) = (vec![0; LONG], vec![0; LONG]);
        for round in 0..3 {
            link.write_all(b"?").await.unwrap();
            server.read_exact(&mut [0]).await.unwrap();
            let (sent, came) = tokio::join!(server.write_all(&answer), link.read_exact(&mut read));
            sent.unwrap();
            came.unwrap();
            // Some bytes, a pause in which it begins to wait for a piece, and some bytes again.
            for rest in [3, 100_000, 1] {
                let rest = &mut read[..rest];
                let few = vec![7; rest.len()];
                let late = async {
                    sleep(PATIENCE * round * 5).await;
                    server.write_all(&few).await
                };
                let (sent, came) = tokio::join!(late, timeout(SOON, link.read_exact(rest)));
                sent.unwrap();
                came.expect("it was waited for a whole piece").unwrap();
            }
        }
        drop(server);
        assert_eq!(timeout(SOON, link.read(&mut read)).await.unwrap().unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_sent_ends_the_wait_for_a_piece() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port(), timeout: SOON };
        let (link, accepted) = tokio::join!(address.dial(), listener.accept());
        let (mut link, mut server) = (link.unwrap(), accepted.unwrap().0);
        let (answer, mut read) = (vec![0; LONG], vec![0; LONG]);
        let (sent, came) = tokio::join!(server.write_all(&answer), link.read_exact(&mut read));
        sent.unwrap();
        came.unwrap();
        // One look by hand: a timeout would look again, when it may have stopped to wait.
        let mut look = ReadBuf::new(&mut read);
        assert!(
            std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut link).poll_read(cx, &mut look))).await.is_pending()
        );
        assert_eq!(link.waits_for_piece, cfg!(target_os = "linux"));
        assert_eq!(link.write_vectored(&[io::IoSlice::new(b"?")]).await.unwrap(), 1);
        assert!(!link.waits_for_piece && link.answered == 0);
    }
}
