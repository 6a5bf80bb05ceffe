//! Requests of other programs: of scrapers, and on a control socket.

use fapilog_control::protocol::ControlCommand;
use fapilog_prometheus::{ExpositionFormat, fuzz_api::read_head};

/// A head is a request for a path, or an error with a status; bytes behind it change nothing.
pub(crate) fn scrape(input: &[u8]) {
    let Some(read) = read_head(input) else { return };
    let longer = [input, b"x\r\n\r\n"].concat();
    assert_eq!(read_head(&longer).as_ref(), Some(&read), "bytes behind the head change it");
    match read {
        Ok(request) => {
            assert!(
                request.path.starts_with('/') && !request.path.contains(['?', '#']),
                "{:?} is no path",
                request.path
            );
            // Any header has a format.
            let _ = ExpositionFormat::accepted_by(request.accept.as_deref());
        }
        Err(status) => assert!(status.starts_with(['4', '5']), "{status}"),
    }
}

/// A line is a command, which is written as a line that reads back the same, or an error with a code and a text.
pub(crate) fn control(input: &[u8]) {
    match ControlCommand::from_line(input) {
        Ok(command) => {
            let line = command.to_line();
            assert!(!line.contains('\n'), "{line:?} is more than a line");
            assert_eq!(ControlCommand::from_line(line.as_bytes()).as_ref(), Ok(&command), "{line}");
        }
        Err(refusal) => assert!(refusal.code.starts_with("control.") && !refusal.message.is_empty(), "{refusal:?}"),
    }
}
