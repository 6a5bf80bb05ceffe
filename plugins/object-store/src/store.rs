//! Uploads a segment: in one request, or in parts.

use std::{io, sync::Arc, time::Duration};

use fapilog_plugin::user_code::catch_panic;
use http::StatusCode;
use object_store::{
    Attribute, Attributes, Error, PutMode, PutMultipartOptions, PutOptions, PutPayload, multipart::PartId,
    path::Path as ObjectPath,
};
use tokio::runtime::Runtime;

use crate::{
    build::{StoreBuilder, StoreSet, client_error},
    compress::SegmentCompressor,
    error::ObjectStoreError,
    segment::{self, SegmentReader},
    service::{LastOutcome, StoreConnector},
    settings::StoreKind,
    spool::ClosedSegment,
    target::StoreTarget,
};

/// Codes of Azure's status 409 that show that there is a blob of the name ("Blob service error codes").
const AZURE_EXISTS: [&str; 2] = ["BlobAlreadyExists", "BlobImmutableDueToPolicy"];

/// The store's client, on the thread that uploads.
pub(crate) struct StoreClient {
    target: Arc<StoreTarget>,
    connector: StoreConnector,
    runtime: Runtime,
    /// Made at the first upload, and again when the store has refused the credentials: secrets are read anew then.
    builder: Option<StoreBuilder>,
}

/// An object that the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UploadedObject {
    /// Its length.
    pub(crate) bytes: u64,
    /// An earlier attempt had brought it to the store.
    pub(crate) was_there: bool,
}

/// An upload that has failed.
#[derive(Debug)]
pub(crate) struct FailedUpload {
    pub(crate) error: ObjectStoreError,
    /// How long the store asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl From<ObjectStoreError> for FailedUpload {
    fn from(error: ObjectStoreError) -> Self {
        Self { error, retry_after: None }
    }
}

impl StoreClient {
    pub(crate) fn new(target: Arc<StoreTarget>) -> io::Result<Self> {
        let connector = StoreConnector::new(target.destinations.iter().cloned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Self { target, connector, runtime, builder: None })
    }

    /// Uploads a segment. An object that is there already is that of an earlier attempt, because no other has its name.
    pub(crate) fn upload(&mut self, segment: &ClosedSegment) -> Result<UploadedObject, FailedUpload> {
        let result = catch_panic(|| self.attempt(segment));
        result.unwrap_or_else(|_| Err(ObjectStoreError::Client { reason: "it panicked".to_owned() }.into()))
    }

    fn attempt(&mut self, segment: &ClosedSegment) -> Result<UploadedObject, FailedUpload> {
        let reader = segment::open(&segment.path, segment.length)?;
        if self.builder.is_none() {
            self.builder = Some(StoreBuilder::new(&self.target, &self.connector)?);
        }
        let Some(builder) = &self.builder else { return Err(ObjectStoreError::Closed.into()) };
        let stores = builder.stores(&self.target, &self.connector)?;
        let path = ObjectPath::parse(&reader.head.name).map_err(|_| ObjectStoreError::BrokenSegment {
            path: segment.path.clone(),
            reason: "the name of its object",
        })?;
        let name = reader.head.name.clone();
        self.connector.take_last();
        let connector = &self.connector;
        let upload = SegmentUpload { target: &self.target, connector, stores: &stores, path: &path, segment };
        let result = self.runtime.block_on(upload.run(reader));
        result.or_else(|error| match error {
            UploadError::Own(error) => Err(error.into()),
            UploadError::Store { error, bytes, last } => self.verdict(error, bytes, last, name),
        })
    }

    /// An error of the crate: the store may have the object for all that.
    fn verdict(
        &mut self,
        error: Error,
        bytes: u64,
        last: LastOutcome,
        object: String,
    ) -> Result<UploadedObject, FailedUpload> {
        if is_there(&error, &last, self.target.settings.store) {
            return Ok(UploadedObject { bytes, was_there: true });
        }
        if matches!(last.status, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) || last.status.is_none() {
            self.builder = None;
        }
        let LastOutcome { status, code, retry_after, error: no_answer } = last;
        let error = match (status, no_answer) {
            (_, Some(source)) => ObjectStoreError::NoAnswer { object, source },
            (Some(status), None) if !status.is_success() || !code.is_empty() => {
                ObjectStoreError::Refused { object, status: status.as_u16(), code }
            }
            _ => client_error(error),
        };
        Err(FailedUpload { error, retry_after })
    }
}

/// Whether the answer shows that there is an object of the name. S3 also answers 409 while another upload of the name is in progress, which
/// shows nothing.
fn is_there(error: &Error, last: &LastOutcome, store: StoreKind) -> bool {
    if !matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. }) {
        return false;
    }
    match last.status {
        Some(StatusCode::PRECONDITION_FAILED) => true,
        Some(StatusCode::CONFLICT) => store == StoreKind::Azure && AZURE_EXISTS.contains(&&*last.code),
        _ => false,
    }
}

/// Why an upload has ended early.
enum UploadError {
    Own(ObjectStoreError),
    /// `last` is the outcome of the request that failed, and not of a later one, such as that which removes the parts.
    Store {
        error: Error,
        bytes: u64,
        last: LastOutcome,
    },
}

impl From<ObjectStoreError> for UploadError {
    fn from(error: ObjectStoreError) -> Self {
        Self::Own(error)
    }
}

/// An upload.
struct SegmentUpload<'a> {
    target: &'a StoreTarget,
    connector: &'a StoreConnector,
    stores: &'a StoreSet,
    path: &'a ObjectPath,
    segment: &'a ClosedSegment,
}

/// The parts that the store has.
struct UploadedParts {
    id: String,
    parts: Vec<PartId>,
    bytes: u64,
}

impl SegmentUpload<'_> {
    async fn run(&self, mut reader: SegmentReader) -> Result<UploadedObject, UploadError> {
        let level = if reader.head.compression == self.target.settings.compression {
            self.target.level()
        } else {
            crate::compress::levels(reader.head.compression).1
        };
        let compressor = SegmentCompressor::new(reader.head.compression, level);
        let mut compressor = compressor.map_err(ObjectStoreError::Compress)?;
        let (mut frame, mut parts) = (Vec::new(), None);
        let result = self.stream(&mut reader, &mut compressor, &mut frame, &mut parts).await;
        let result = match result {
            Ok(()) => self.finish(compressor, &mut parts).await,
            Err(error) => Err(error),
        };
        if result.is_err()
            && let Some(UploadedParts { id, .. }) = &parts
        {
            // The store keeps parts until they are removed. The outcome of the upload is decided.
            let _ = self.stores.part.abort_multipart(self.path, id).await;
        }
        result
    }

    /// Compresses the segment, and uploads each part that is full.
    async fn stream(
        &self,
        reader: &mut SegmentReader,
        compressor: &mut SegmentCompressor,
        frame: &mut Vec<u8>,
        parts: &mut Option<UploadedParts>,
    ) -> Result<(), UploadError> {
        let unreadable = |source| ObjectStoreError::Unreadable { path: self.segment.path.clone(), source };
        let part_bytes = self.target.settings.part_bytes;
        while reader.next(frame).map_err(unreadable)? {
            compressor.write(frame).map_err(ObjectStoreError::Compress)?;
            // More than a part is there: the object has another part behind it.
            while compressor.ready().len() > part_bytes {
                let part: Vec<u8> = compressor.ready().drain(..part_bytes).collect();
                self.put_part(parts, part).await?;
            }
        }
        if reader.is_at_end() {
            return Ok(());
        }
        let (path, reason) = (self.segment.path.clone(), "a frame");
        Err(ObjectStoreError::BrokenSegment { path, reason }.into())
    }

    async fn finish(
        &self,
        compressor: SegmentCompressor,
        parts: &mut Option<UploadedParts>,
    ) -> Result<UploadedObject, UploadError> {
        let mut left = compressor.finish().map_err(ObjectStoreError::Compress)?;
        let part_bytes = self.target.settings.part_bytes;
        while left.len() > part_bytes {
            let behind = left.split_off(part_bytes);
            self.put_part(parts, std::mem::replace(&mut left, behind)).await?;
        }
        if parts.is_none() {
            return self.put(left).await;
        }
        self.put_part(parts, left).await?;
        let Some(UploadedParts { id, parts, bytes }) = parts else { return Err(ObjectStoreError::Closed.into()) };
        let (bytes, parts) = (*bytes, std::mem::take(parts));
        let completed = self.stores.complete.complete_multipart(self.path, id, parts).await;
        completed.map_err(|error| self.failed(error, bytes))?;
        Ok(UploadedObject { bytes, was_there: false })
    }

    async fn put(&self, body: Vec<u8>) -> Result<UploadedObject, UploadError> {
        let bytes = body.len() as u64;
        let mode = if self.target.settings.create_only { PutMode::Create } else { PutMode::Overwrite };
        let options = PutOptions { mode, attributes: self.attributes(), ..PutOptions::default() };
        let put = self.stores.whole.put_opts(self.path, PutPayload::from(body), options).await;
        put.map_err(|error| self.failed(error, bytes))?;
        Ok(UploadedObject { bytes, was_there: false })
    }

    async fn put_part(&self, parts: &mut Option<UploadedParts>, body: Vec<u8>) -> Result<(), UploadError> {
        let uploaded = match parts {
            Some(parts) => parts,
            None => {
                let options = PutMultipartOptions { attributes: self.attributes(), ..PutMultipartOptions::default() };
                let id = self.stores.start.create_multipart_opts(self.path, options).await;
                let id = id.map_err(|error| self.failed(error, 0))?;
                parts.insert(UploadedParts { id, parts: Vec::new(), bytes: 0 })
            }
        };
        uploaded.bytes += body.len() as u64;
        let (index, bytes) = (uploaded.parts.len(), uploaded.bytes);
        let part = self.stores.part.put_part(self.path, &uploaded.id, index, PutPayload::from(body)).await;
        uploaded.parts.push(part.map_err(|error| self.failed(error, bytes))?);
        Ok(())
    }

    fn failed(&self, error: Error, bytes: u64) -> UploadError {
        UploadError::Store { error, bytes, last: self.connector.take_last() }
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        if let Some(class) = &self.target.settings.storage_class {
            attributes.insert(Attribute::StorageClass, class.clone().into());
        }
        attributes
    }
}
