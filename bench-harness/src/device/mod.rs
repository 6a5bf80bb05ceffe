//! `device`: the machine's own limits, with nothing of the log in between.

mod clock;
mod disk;
mod ring;

pub(crate) use self::{
    clock::Ticks,
    disk::{DiskFigures, measure as disk},
};
use crate::{
    cli::DeviceArgs,
    error::{BenchError, BenchFailure},
    machine::Machine,
    output::OutputDirectory,
    report::{FigureReporter, FigureTable, Figures, grouped, megabytes},
};

pub(crate) fn run(args: &DeviceArgs) -> Result<Vec<BenchFailure>, BenchError> {
    let directory = OutputDirectory::open(&args.place)?;
    let mut figures = Figures::none(Machine::look(Some(directory.path())));
    let disk = disk(&directory, args.blocks)?;
    let frames_per_second = ring::hand_over()?;
    let clocks = clock::costs();

    let mut table = FigureTable::default();
    let blocks = format!("blocks of {} bytes, {} at once", args.blocks.block_bytes, args.blocks.blocks_in_flight);
    table.row("disk", format!("{} ({}, {blocks})", megabytes(disk.bytes_per_second), disk.writer));
    table.row("ring, 48-byte frames", format!("{} frames a second", grouped(frames_per_second as u64)));
    for (name, nanos) in clocks {
        table.row(name, format!("{nanos:.1} ns"));
    }
    table.machine(&figures.machine);
    figures.device_bytes_per_second = Some(disk.bytes_per_second);
    figures.writer = Some(disk.writer);
    FigureReporter::new(args.report.json.as_deref()).report(&table, &figures)?;
    Ok(Vec::new())
}
