//! Bodies without their compression.

use std::io::{self, Read};

/// Decodes by the value of `Content-Encoding`. The error is a violation.
pub(super) fn decode(encoding: Option<&str>, raw: &[u8]) -> Result<Vec<u8>, String> {
    let Some(encoding) = encoding else { return Ok(raw.to_vec()) };
    let decoded = match encoding {
        "identity" => Ok(raw.to_vec()),
        "gzip" => whole(flate2::bufread::GzDecoder::new(raw), |decoder| decoder.into_inner().len()),
        "deflate" => whole(flate2::bufread::ZlibDecoder::new(raw), |decoder| decoder.into_inner().len()),
        "zstd" => zstd::stream::decode_all(raw),
        "snappy" => snap::raw::Decoder::new().decompress_vec(raw).map_err(io::Error::other),
        other => return Err(format!("`Content-Encoding: {other}` is none of gzip, deflate, zstd, snappy, identity")),
    };
    decoded.map_err(|error| format!("the body is not {encoding}: {error}"))
}

/// Decodes one stream, behind which no byte may follow.
fn whole<D: Read>(mut decoder: D, bytes_left: impl FnOnce(D) -> usize) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    decoder.read_to_end(&mut decoded)?;
    match bytes_left(decoder) {
        0 => Ok(decoded),
        left => Err(io::Error::other(format!("{left} bytes follow its end"))),
    }
}
