//! The numbers as a drawing: time and memory of the requests by their number, and the speed of hashing.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;

use plotters::chart::SeriesLabelPosition;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::report::Report;
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
    let area = SVGBackend::new(path, (1320, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let (requests, hashing) = area.split_horizontally(1000);
    let (time, memory) = requests.split_horizontally(500);
    let wall = |sample: &Sample, _| sample.wall_nanos as f64 / 1e6;
    lines(&time, report, ("requests at a time: ms until all are answered", 40.0..100_000.0), wall, true)?;
    let each = |sample: &Sample, units| sample.bytes as f64 / units as f64;
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
    value: impl Fn(&Sample, usize) -> f64,
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
        let measured = model.requests.iter().filter_map(|row| Some((row.units, row.outcome.as_ref().ok()?)));
        let points: Vec<(f64, f64)> = measured.map(|(units, sample)| (units as f64, value(sample, units))).collect();
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

/// A bar for each model: how fast it hashed.
fn bars(area: &Area<'_>, report: &Report) -> Result<()> {
    let speeds: Vec<f64> = report
        .models
        .iter()
        .map(|model| model.hash.outcome.as_ref().map_or(0.0, |sample| megabytes_per_second(sample, &model.hash)))
        .collect();
    let most = speeds.iter().copied().fold(1.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(area)
        .caption("hashing: MB/s", ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(30)
        .build_cartesian_2d(0.0..most, -(speeds.len() as f64)..0.0)?;
    chart.configure_mesh().disable_mesh().disable_y_axis().x_labels(4).draw()?;
    for (index, (speed, color)) in speeds.iter().zip(COLORS.iter().cycle()).enumerate() {
        let top = -(index as f64);
        chart.draw_series([Rectangle::new([(0.0, top - 0.1), (*speed, top - 0.9)], color.mix(0.5).filled())])?;
        let text = format!("{} {speed:.0}", report.models[index].name);
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
