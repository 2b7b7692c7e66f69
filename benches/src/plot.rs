//! Charts of a report.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::combinators::IntoLogRange as _;
use plotters::prelude::*;

use crate::report::{EndpointFigures, GrowthFigures, GrowthPoint, Report};

const FONT: (&str, i32) = ("sans-serif", 14);
const WAITING: RGBColor = RGBColor(176, 190, 205);
const OWN: RGBColor = RGBColor(204, 75, 44);

/// Draws all charts into a folder.
pub(crate) fn draw(report: &Report, folder: &Path) -> Result<()> {
    // Plotting fails only if the file cannot be written; its error types are its own.
    endpoints(report, &folder.join("endpoints.svg")).map_err(|error| anyhow!("{error}"))?;
    for growth in &report.growth {
        let file = folder.join(format!("growth-{}.svg", growth.unit));
        curves(growth, &file).map_err(|error| anyhow!("{error}"))?;
    }
    Ok(())
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

/// A bar per endpoint: the time of the network, and what Juncture adds to it.
fn endpoints(report: &Report, file: &Path) -> Drawn {
    const ROW: i32 = 26;
    const LEFT: i32 = 380;
    const WIDTH: i32 = 560;
    let rows = i32::try_from(report.endpoints.len())?;
    let size = (u32::try_from(LEFT + WIDTH + 110)?, u32::try_from(ROW * rows + 70)?);
    let area = SVGBackend::new(file, size).into_drawing_area();
    area.fill(&WHITE)?;
    let title = "Median latency of warm endpoints (ms, logarithmic): the network, and our own share";
    area.draw(&Text::new(title, (16, 14), ("sans-serif", 17)))?;
    // The axis starts at half a millisecond. The bar of our own share starts where that of the network ends.
    let at =
        |millis: f64| LEFT + (f64::from(WIDTH) * (millis.max(0.5) / 0.5).log10() / 4000f64.log10()) as i32;
    for (index, endpoint) in report.endpoints.iter().enumerate() {
        let top = 46 + ROW * i32::try_from(index)?;
        let EndpointFigures { latency_ms, own_share_ms, .. } = endpoint;
        let network = at(latency_ms.median - own_share_ms.median);
        let end = at(latency_ms.median).max(network + 1);
        area.draw(&Text::new(endpoint.name.clone(), (16, top), FONT))?;
        area.draw(&Rectangle::new([(LEFT, top), (network, top + 16)], WAITING.filled()))?;
        area.draw(&Rectangle::new([(network, top), (end, top + 16)], OWN.filled()))?;
        let text = format!("{:.1} + {:.1}", latency_ms.median - own_share_ms.median, own_share_ms.median);
        area.draw(&Text::new(text, (end + 6, top), FONT))?;
    }
    area.present()?;
    Ok(())
}

/// Latency, memory and calls over size, one below the other, on logarithmic axes: a straight line with slope one is
/// linear growth.
fn curves(growth: &GrowthFigures, file: &Path) -> Drawn {
    type Figure = fn(&GrowthPoint) -> f64;
    const PANELS: [(&str, Figure); 3] = [
        ("latency, ms", |point| point.latency_ms.median),
        ("peak memory, MiB", |point| point.peak_mib),
        ("Jira calls", |point| point.atlassian_calls as f64),
    ];
    let area = SVGBackend::new(file, (720, 840)).into_drawing_area();
    area.fill(&WHITE)?;
    let sizes: Vec<f64> = growth.points.iter().map(|point| point.size as f64).collect();
    let (first, last) = (sizes.first().copied().unwrap_or(1.0), sizes.last().copied().unwrap_or(10.0));
    for (panel, (what, figure)) in area.split_evenly((3, 1)).iter().zip(PANELS) {
        let points: Vec<(f64, f64)> =
            growth.points.iter().map(|point| (point.size as f64, figure(point).max(1.0))).collect();
        let highest = points.iter().map(|point| point.1).fold(1.0, f64::max);
        let lowest = points.iter().map(|point| point.1).fold(highest, f64::min);
        let mut chart = ChartBuilder::on(panel)
            .caption(format!("{}: {what}", growth.name), FONT)
            .margin(12)
            .x_label_area_size(38)
            .y_label_area_size(70)
            .build_cartesian_2d((first..last * 2.0).log_scale(), (lowest / 2.0..highest * 2.0).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(growth.unit.as_str())
            .y_desc(what)
            .x_label_formatter(&|value| format!("{value:.0}"))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .light_line_style(WHITE)
            .label_style(FONT)
            .draw()?;
        chart.draw_series(LineSeries::new(points.clone(), OWN.stroke_width(2)))?;
        chart.draw_series(PointSeries::of_element(points, 3, OWN.filled(), &|at, size, style| {
            EmptyElement::at(at)
                + Circle::new((0, 0), size, style)
                + Text::new(format!("{:.0}", at.1), (6, -14), FONT)
        }))?;
    }
    area.present()?;
    Ok(())
}
