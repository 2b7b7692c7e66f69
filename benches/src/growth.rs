//! How latency, memory and calls grow with the size of a response.

use std::time::Duration;

use anyhow::Result;
use reqwest::Method;

use crate::endpoints::{CONNECTED_USER, path_of};
use crate::journal::Upstream;
use crate::processes::peak_memory;
use crate::report::{GrowthFigures, GrowthPoint};
use crate::stats::{Spread, rounded};
use crate::warm::process;
use crate::world::{Project, World};
use crate::{Effort, say};

const TICKETS: [usize; 8] = [10, 100, 1000, 2500, 5000, 10_000, 25_000, 50_000];
const BOARDS: [usize; 6] = [1, 10, 60, 125, 250, 500];

/// Measures both curves.
pub(crate) async fn measure(world: &World, effort: Effort) -> Result<Vec<GrowthFigures>> {
    world.slow_down(true, Duration::ZERO);
    let tickets = curve(world, effort, "get-tickets-for-project", "tickets", &TICKETS).await?;
    let boards = curve(world, effort, "get-active-sprints-for-project", "boards", &BOARDS).await?;
    world.slow_down(false, Duration::ZERO);
    Ok(vec![tickets, boards])
}

async fn curve(
    world: &World,
    effort: Effort,
    function: &str,
    unit: &str,
    sizes: &[usize],
) -> Result<GrowthFigures> {
    let mut points = Vec::new();
    for (index, &size) in sizes.iter().enumerate() {
        // The ends and the middle are enough to show the curve.
        if effort == Effort::Quick && index % 3 == 1 && index + 1 < sizes.len() {
            continue;
        }
        say(&format!("growth: {size} {unit}"));
        let project = match unit {
            "tickets" => world.project(&format!("T{size}"), size, 0, 0)?,
            _ => world.project(&format!("B{size}"), 10, size, 2)?,
        };
        points.push(point(world, effort, function, size, &project).await?);
    }
    Ok(GrowthFigures { name: function.to_owned(), unit: unit.to_owned(), points })
}

async fn point(
    world: &World,
    effort: Effort,
    function: &str,
    size: usize,
    project: &Project,
) -> Result<GrowthPoint> {
    let runs = match effort {
        Effort::Full => 5,
        Effort::Quick => 1,
    };
    let path = path_of(function, CONNECTED_USER, &format!("jira_project_id={}", project.id));
    // In a new process, because the peak memory of an old one is that of its largest response so far.
    world.replace(function).await?;
    let warm = path_of(function, CONNECTED_USER, "jira_project_id=SHIP");
    world.call(world.request(Method::GET, &warm)).await?;
    let mut latency = Vec::new();
    let mut last = None;
    for _ in 0..runs {
        // Compressed, because Lambda's limit of 6 MB applies to the bytes sent.
        let request = world.request(Method::GET, &path).header("accept-encoding", "gzip");
        let answer = world.call(request).await?;
        latency.push(answer.latency.as_secs_f64() * 1e3);
        last = Some(answer);
    }
    let (calls, bytes) =
        last.map(|answer| (answer.trips.requests(Upstream::Atlassian), answer.bytes)).unwrap_or_default();
    Ok(GrowthPoint {
        size,
        latency_ms: Spread::of(&latency),
        peak_mib: rounded(peak_memory(process(world, function)?)?),
        atlassian_calls: calls,
        answer_kb: rounded(bytes as f64 / 1e3),
    })
}
