//! `fapilog cat`.

use std::sync::Arc;

use clap::Args;

use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus},
    filter::FilterArguments,
    input::{InputArguments, MergedSources},
    output::{EventPrinter, FormatArguments, PagerUse, Screen},
};

/// Writes the events of files, merged by time.
///
/// Lines that are no JSON object are plain text. They are written as they are, and meet no filter but --grep.
#[derive(Debug, Args)]
pub(crate) struct CatArguments {
    #[command(flatten)]
    input: InputArguments,
    #[command(flatten)]
    filters: FilterArguments,
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &CatArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let filter = Arc::new(arguments.filters.filter()?);
    let names = arguments.input.names()?;
    let mut screen = Screen::open(shared, PagerUse::IfTerminal);
    let mut writer = match arguments.format.writer(shared, &screen) {
        Ok(writer) => writer,
        Err(error) => return screen.finish(Err(error)).map(|()| ExitStatus::Complete),
    };
    let mut sources = MergedSources::new(names, filter, shared.json);
    let written = write_all(&mut sources, &mut writer, &mut screen);
    screen.finish(written)?;
    Ok(sources.problems().status())
}

fn write_all(sources: &mut MergedSources, writer: &mut EventPrinter, screen: &mut Screen) -> Result<(), CommandError> {
    let mut out = Vec::new();
    writer.put_header(&mut out);
    screen.write(&out)?;
    // A reader of a pipe sees each line while the next one is waited for. An error comes with the next write.
    while let Some(line) = sources.next_line(&mut || drop(screen.flush())) {
        out.clear();
        writer.put(&line, &mut out);
        screen.write(&out)?;
    }
    Ok(())
}
