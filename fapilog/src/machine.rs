//! Questions about the machine, as a container would ask them when it starts. The command `fapilog doctor` reports the answers.

pub use fapilog_engine::{
    host::probe::GlommioUnavailable,
    machine::{cpus, cpus_of_shards, glommio, has_membarrier, has_trusted_counter, io_uring},
};
pub use fapilog_sink_file::FileProbe;
