//! The stream over a bare socket, for a client that breaks the rules or never answers a ping.

use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Answer, Request, Server, within};

const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
/// Opcodes of RFC 6455, section 5.2.
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Returns the request that opens a stream, without the token.
pub fn upgrade(path: &str) -> Request {
    Request::get(path)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13")
}

/// A frame as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }

    /// Returns the code of a closing frame.
    pub fn close_code(&self) -> u16 {
        assert_eq!(self.opcode, CLOSE, "{self:?}");
        u16::from_be_bytes([self.payload[0], self.payload[1]])
    }
}

/// Encodes a frame as a client has to.
pub fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 99, 250, 33];
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Encodes a compressed message as a client has to, in one frame.
pub fn masked_compressed(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = masked(opcode, payload);
    frame[0] |= 0x40;
    frame
}

/// Compresses a message for a frame (RFC 7692, section 7.2.1).
pub fn deflated(message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() + 1000);
    let mut state = Compress::new(Compression::best(), false);
    state.compress_vec(message, &mut payload, FlushCompress::Sync).unwrap();
    assert!(payload.ends_with(&[0, 0, 0xFF, 0xFF]));
    payload.truncate(payload.len() - 4);
    payload
}

/// Inflates the payload of a frame, without anything that earlier frames have left.
fn inflated(payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(1024 * 1024);
    let payload = [payload, &[0, 0, 0xFF, 0xFF]].concat();
    Decompress::new(false).decompress_vec(&payload, &mut message, FlushDecompress::Sync).unwrap();
    message
}

/// A stream that sends only what a test asks for, and answers nothing by itself.
pub struct RawWs {
    socket: TcpStream,
}

impl RawWs {
    /// Opens the v1 stream of a token's user.
    pub async fn connect(server: &Server, token: &str) -> Self {
        let socket = TcpStream::connect(&server.address).await.unwrap();
        Self::over(socket, server, upgrade("/ws").bearer(token)).await
    }

    /// Opens the v2 stream of a token's user.
    pub async fn connect_v2(server: &Server, token: &str) -> Self {
        let socket = TcpStream::connect(&server.address).await.unwrap();
        let request = upgrade("/ws").bearer(token).header("Sec-WebSocket-Protocol", super::v2::V2);
        Self::over(socket, server, request).await
    }

    /// Opens a v2 stream that is not authenticated yet.
    pub async fn connect_unknown(server: &Server) -> Self {
        let socket = TcpStream::connect(&server.address).await.unwrap();
        Self::over(socket, server, upgrade("/ws").header("Sec-WebSocket-Protocol", super::v2::V2)).await
    }

    /// Opens a v1 stream with a small window, so that a client that does not read is noticed soon.
    pub async fn connect_narrow(server: &Server, token: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let socket = socket.connect(server.address.parse().unwrap()).await.unwrap();
        Self::over(socket, server, upgrade("/ws").bearer(token)).await
    }

    /// Opens a stream with this offer of extensions. Returns the server's answer to the offer too.
    pub async fn connect_offering(
        server: &Server,
        (token, path, protocol): (&str, &str, &str),
        offer: &str,
    ) -> (Self, Option<String>) {
        let socket = TcpStream::connect(&server.address).await.unwrap();
        let request = upgrade(path).bearer(token).header("Sec-WebSocket-Protocol", protocol);
        let (ws, answer) = Self::upgraded(socket, server, request.header(EXTENSIONS, offer)).await;
        (ws, answer.header(EXTENSIONS).map(str::to_owned))
    }

    /// Does the same for a v2 stream that is not authenticated yet.
    pub async fn connect_offering_unknown(server: &Server, offer: &str) -> (Self, Option<String>) {
        let socket = TcpStream::connect(&server.address).await.unwrap();
        let request = upgrade("/ws").header("Sec-WebSocket-Protocol", super::v2::V2);
        let (ws, answer) = Self::upgraded(socket, server, request.header(EXTENSIONS, offer)).await;
        (ws, answer.header(EXTENSIONS).map(str::to_owned))
    }

    /// Reads until the stream is live. A client that is still catching up is not asked to confirm, and may take longer.
    pub async fn until_live(&mut self) {
        self.send(PING, b"live?").await;
        while self.frame().await.expect("the stream is open").opcode != PONG {}
    }

    /// Opens a v2 stream with a small window.
    pub async fn connect_narrow_v2(server: &Server, token: &str) -> Self {
        Self::narrow_v2(server, token, "/ws").await
    }

    /// Resumes a v2 stream with a small window.
    pub async fn resume_narrow_v2(server: &Server, token: &str, cursor: &str) -> Self {
        Self::narrow_v2(server, token, &format!("/ws?cursor={cursor}")).await
    }

    async fn narrow_v2(server: &Server, token: &str, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let socket = socket.connect(server.address.parse().unwrap()).await.unwrap();
        let request = upgrade(path).bearer(token).header("Sec-WebSocket-Protocol", super::v2::V2);
        Self::over(socket, server, request).await
    }

    async fn over(socket: TcpStream, server: &Server, request: Request) -> Self {
        let (ws, answer) = Self::upgraded(socket, server, request).await;
        assert_eq!(answer.header(EXTENSIONS), None, "nothing was offered");
        ws
    }

    async fn upgraded(mut socket: TcpStream, server: &Server, request: Request) -> (Self, Answer) {
        let request = request.bytes(&server.address);
        socket.write_all(&request).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(20, socket.read_u8()).await.unwrap());
        }
        let answer = Answer::parse(&head);
        assert_eq!(answer.status, 101, "{}", String::from_utf8_lossy(&head));
        (Self { socket }, answer)
    }

    /// Returns the next frame, or `None` at the end of the connection.
    pub async fn frame(&mut self) -> Option<Frame> {
        within(20, self.read()).await.ok()
    }

    async fn read(&mut self) -> std::io::Result<Frame> {
        let (opcode, length) = self.read_head().await?;
        let mut payload = vec![0; length];
        self.socket.read_exact(&mut payload).await?;
        Ok(Frame { opcode, payload })
    }

    /// Returns the next frame, inflated if it is compressed, and how many bytes its payload had if it was.
    pub async fn maybe_compressed_frame(&mut self) -> (Frame, Option<usize>) {
        let read = async {
            let (first, length) = self.read_any_head().await?;
            let mut payload = vec![0; length];
            self.socket.read_exact(&mut payload).await?;
            std::io::Result::Ok((first, payload))
        };
        let (first, payload) = within(20, read).await.expect("a frame");
        let opcode = first & 0x0F;
        match first & 0xF0 {
            0x80 => (Frame { opcode, payload }, None),
            0xC0 => (Frame { opcode, payload: inflated(&payload) }, Some(payload.len())),
            other => panic!("reserved bits: {other:x}"),
        }
    }

    /// Returns a frame's opcode, and how many bytes follow.
    async fn read_head(&mut self) -> std::io::Result<(u8, usize)> {
        let (first, length) = self.read_any_head().await?;
        assert_eq!(first & 0xF0, 0x80, "whole frames without extensions");
        Ok((first & 0x0F, length))
    }

    /// Returns a frame's first byte, and how many bytes follow.
    async fn read_any_head(&mut self) -> std::io::Result<(u8, usize)> {
        let first = self.socket.read_u8().await?;
        let length = match self.socket.read_u8().await? {
            126 => self.socket.read_u16().await?.into(),
            127 => usize::try_from(self.socket.read_u64().await?).unwrap(),
            short => usize::from(short),
        };
        Ok((first, length))
    }

    /// Returns the next frame, read in parts of `bytes` bytes with a pause before each.
    pub async fn frame_slowly(&mut self, bytes: usize, pause: Duration) -> Option<Frame> {
        let (opcode, length) = within(20, self.read_head()).await.ok()?;
        let mut payload = vec![0; length];
        for part in payload.chunks_mut(bytes) {
            tokio::time::sleep(pause).await;
            within(20, self.socket.read_exact(part)).await.ok()?;
        }
        Some(Frame { opcode, payload })
    }

    pub async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.send_bytes(&masked(opcode, payload)).await;
    }

    /// Closes the sending direction.
    pub async fn end(&mut self) {
        self.socket.shutdown().await.unwrap();
    }

    /// Returns all frames up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Sends these bytes again and again until the server cuts the connection.
    pub async fn send_until_cut(&mut self, bytes: &[u8]) {
        while within(20, self.socket.write_all(bytes)).await.is_ok() {}
    }

    /// Skips all frames before the closing frame and returns its code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            let frame = self.frame().await.expect("a closing frame");
            if frame.opcode == CLOSE {
                return frame.close_code();
            }
        }
    }
}
