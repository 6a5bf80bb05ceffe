//! Answers on the wire, with their latency, pace and cut.

use std::io::{self, Write};

use super::{
    answer::{AnswerBody, AnswerCut, FakeAnswer, reason},
    connection::ByteStream,
    run::StopSignal,
};

const PIECE: usize = 64 * 1024;

/// The fate of a connection behind an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum AfterReply {
    /// The next request may come.
    Next,
    /// Closed.
    Close,
    /// Closed when the client has closed it, or after a while.
    Linger,
    /// Reset.
    Reset,
}

pub(super) struct ReplyWriter<'a> {
    pub(super) stream: &'a mut Box<dyn ByteStream>,
    pub(super) signal: &'a StopSignal,
}

impl ReplyWriter<'_> {
    pub(super) fn send(&mut self, method: &str, answer: &FakeAnswer) -> AfterReply {
        if !answer.latency.is_zero() && !self.signal.sleep(answer.latency) {
            return AfterReply::Close;
        }
        match answer.cut {
            Some(AnswerCut::ResetBeforeHead) => return AfterReply::Reset,
            Some(AnswerCut::CloseBeforeHead) => return AfterReply::Close,
            _ => {}
        }
        // An error: the client has left.
        let sent =
            self.send_head(answer).and_then(|()| self.send_body(method, answer)).and_then(|()| self.stream.flush());
        match (answer.cut, sent) {
            (Some(AnswerCut::ResetInBody(_)), Ok(())) => AfterReply::Reset,
            (Some(_), _) | (_, Err(_)) => AfterReply::Close,
            (None, Ok(())) if answer.is_last => AfterReply::Close,
            (None, Ok(())) => AfterReply::Next,
        }
    }

    fn send_head(&mut self, answer: &FakeAnswer) -> io::Result<()> {
        let length = match &answer.body {
            AnswerBody::Raw(_) => return Ok(()),
            _ if has_no_body(answer.status) => String::new(),
            AnswerBody::Sized(body) => format!("Content-Length: {}\r\n", body.len()),
            AnswerBody::Huge(length) => format!("Content-Length: {length}\r\n"),
            AnswerBody::Chunked(_) | AnswerBody::Endless => "Transfer-Encoding: chunked\r\n".to_owned(),
        };
        let mut head = format!("HTTP/1.1 {} {}\r\n{length}", answer.status, reason(answer.status));
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(if answer.is_last { "Connection: close\r\n\r\n" } else { "\r\n" });
        self.send_paced(head.as_bytes(), answer)
    }

    fn send_body(&mut self, method: &str, answer: &FakeAnswer) -> io::Result<()> {
        if method == "HEAD" || has_no_body(answer.status) {
            return Ok(());
        }
        let sent_max = match answer.cut {
            Some(AnswerCut::ResetInBody(bytes) | AnswerCut::CloseInBody(bytes)) => bytes,
            _ => usize::MAX,
        };
        match &answer.body {
            AnswerBody::Sized(body) | AnswerBody::Raw(body) => {
                self.send_paced(body.get(..sent_max).unwrap_or(body), answer)
            }
            AnswerBody::Chunked(body) => self.send_chunked(body, sent_max, answer),
            AnswerBody::Huge(length) => self.send_zeros((*length).min(sent_max as u64), answer),
            AnswerBody::Endless => self.send_endless(sent_max, answer),
        }
    }

    fn send_chunked(&mut self, body: &[u8], sent_max: usize, answer: &FakeAnswer) -> io::Result<()> {
        let sent = body.get(..sent_max).unwrap_or(body);
        for chunk in sent.chunks(PIECE) {
            let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
            self.send_paced(&framed, answer)?;
        }
        if sent.len() < body.len() { Ok(()) } else { self.send_paced(b"0\r\n\r\n", answer) }
    }

    fn send_zeros(&mut self, mut length: u64, answer: &FakeAnswer) -> io::Result<()> {
        let zeros = vec![b'0'; PIECE];
        while length > 0 {
            let piece = usize::try_from(length).unwrap_or(PIECE).min(PIECE);
            self.send_paced(zeros.get(..piece).unwrap_or_default(), answer)?;
            length -= piece as u64;
        }
        Ok(())
    }

    fn send_endless(&mut self, sent_max: usize, answer: &FakeAnswer) -> io::Result<()> {
        let mut left = sent_max;
        while left > 0 {
            let chunk = vec![b'0'; left.min(1024)];
            let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), &chunk, b"\r\n"].concat();
            self.send_paced(&framed, answer)?;
            left -= chunk.len();
        }
        Ok(())
    }

    fn send_paced(&mut self, bytes: &[u8], answer: &FakeAnswer) -> io::Result<()> {
        let Some(pace) = answer.pace else { return self.stream.write_all(bytes) };
        for piece in bytes.chunks(pace.piece) {
            if !self.signal.sleep(pace.wait) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.stream.write_all(piece)?;
            self.stream.flush()?;
        }
        Ok(())
    }
}

fn has_no_body(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}
