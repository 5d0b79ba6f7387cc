//! The numbers as a drawing: time, processor time and memory of the requests by their number, and the cost of hashing.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;

use plotters::chart::SeriesLabelPosition;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::report::{Report, Row};
use crate::shard::Sample;
use crate::table::megabytes_per_second;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const COLORS: [RGBColor; 10] = [
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x7f, 0x7f, 0x7f),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0xe3, 0x77, 0xc2),
    RGBColor(0x17, 0xbe, 0xcf),
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xbc, 0xbd, 0x22),
    RGBColor(0x2c, 0xa0, 0x2c),
];

/// Draws the chart into a file.
pub(crate) fn draw(report: &Report, path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, (1720, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let (time, rest) = area.split_horizontally(470);
    let (processor, rest) = rest.split_horizontally(470);
    let (memory, hashing) = rest.split_horizontally(470);
    let wall = |sample: &Sample, _: &Row| sample.wall_nanos as f64 / 1e6;
    lines(&time, report, ("requests at a time: ms until all are answered", 40.0..100_000.0), wall, true)?;
    let cpu = |sample: &Sample, row: &Row| sample.cpu_nanos as f64 / 1e3 / row.units as f64;
    lines(&processor, report, ("requests at a time: µs of processor time for each", 20.0..20_000.0), cpu, false)?;
    let each = |sample: &Sample, row: &Row| sample.bytes as f64 / row.at_once as f64;
    lines(&memory, report, ("requests at a time: bytes of memory for each", 50.0..20_000_000.0), each, false)?;
    bars(&hashing, report)?;
    area.present()?;
    Ok(())
}

/// A line for each model, over the number of requests.
fn lines(
    area: &Area<'_>,
    report: &Report,
    (caption, range): (&str, std::ops::Range<f64>),
    value: impl Fn(&Sample, &Row) -> f64,
    legend: bool,
) -> Result<()> {
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(70)
        .build_cartesian_2d((1.0..100_000.0).log_scale(), range.log_scale())?;
    chart.configure_mesh().light_line_style(WHITE).x_label_formatter(&|x| number(*x)).y_label_formatter(&|y| number(*y)).draw()?;
    for (model, color) in report.models.iter().zip(COLORS.iter().cycle()) {
        let measured = model.requests.iter().filter_map(|row| Some((row, row.outcome.as_ref().ok()?)));
        let points: Vec<(f64, f64)> = measured.map(|(row, sample)| (row.units as f64, value(sample, row))).collect();
        let dots = points.iter().map(|&point| Circle::new(point, 3, color.filled()));
        chart.draw_series(dots)?;
        let line = chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?;
        if legend {
            line.label(&model.name).legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        }
    }
    if legend {
        let labels = &mut chart.configure_series_labels();
        labels.position(SeriesLabelPosition::UpperLeft).background_style(WHITE).label_font(("sans-serif", 13)).draw()?;
    }
    Ok(())
}

/// A bar for each model: the processor time that hashing took, because the time that passes depends on what else the machine does. The speed is beside it.
fn bars(area: &Area<'_>, report: &Report) -> Result<()> {
    let of = |row: &Row| row.outcome.as_ref().map_or((0.0, 0), |sample| (megabytes_per_second(sample, row), sample.cpu_nanos / 1_000_000));
    let bars: Vec<(f64, u64)> = report.models.iter().map(|model| of(&model.hash)).collect();
    let most = bars.iter().map(|bar| bar.1 as f64).fold(1.0, f64::max) * 1.3;
    let mut chart = ChartBuilder::on(area)
        .caption("hashing: ms of processor time", ("sans-serif", 16))
        .margin(10)
        .margin_left(20)
        .x_label_area_size(30)
        .build_cartesian_2d(0.0..most, -(bars.len() as f64)..0.0)?;
    chart.configure_mesh().disable_mesh().disable_y_axis().x_labels(4).x_label_formatter(&|x| format!("{x:.0}")).draw()?;
    for (index, ((speed, cpu), color)) in bars.iter().zip(COLORS.iter().cycle()).enumerate() {
        let top = -(index as f64);
        chart.draw_series([Rectangle::new([(0.0, top - 0.1), (*cpu as f64, top - 0.9)], color.mix(0.5).filled())])?;
        let text = format!("{}: {cpu} ms; {speed:.0} MB/s", report.models[index].name);
        chart.draw_series([Text::new(text, (most * 0.01, top - 0.35), ("sans-serif", 13))])?;
    }
    Ok(())
}

fn number(value: f64) -> String {
    match value {
        1e6.. => format!("{}M", value / 1e6),
        1e3.. => format!("{}k", value / 1e3),
        _ => value.to_string(),
    }
}
