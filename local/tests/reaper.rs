//! No process is left behind when the runner is killed.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use juncture_local::reaper::{Reaper, is_alive};
use nix::sys::signal::Signal;

const PROGRAM: &str = env!("CARGO_BIN_EXE_juncture-local");

/// Not a test, but the runner that the test below kills. It starts children, prints their pids, and waits.
#[test]
#[ignore = "the test below runs it in a process of its own"]
fn runner() {
    let reaper = Reaper::start(Path::new(PROGRAM), None).unwrap();
    let scripts = [
        "exec sleep 1000",
        // One with a child of its own in the same process group.
        "sleep 1000 & wait",
        // One that ignores SIGTERM.
        "trap '' TERM; while :; do sleep 1; done",
    ];
    let mut children = Vec::new();
    for script in scripts {
        let child = Command::new("sh").args(["-c", script]).process_group(0).spawn().unwrap();
        reaper.watch(child.id(), Signal::SIGTERM).unwrap();
        println!("child {}", child.id());
        children.push(child);
    }
    println!("all");
    // Until stdin is closed, or SIGKILL.
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn children_end_when_their_runner_is_killed() {
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runner", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut children: Vec<i32> = Vec::new();
    for line in BufReader::new(runner.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, pid)) = line.split_once("child ") {
            children.push(pid.parse().unwrap());
        } else if line == "all" {
            break;
        }
    }
    assert_eq!(children.len(), 3);
    assert!(children.iter().all(|&pid| is_alive(pid)));

    runner.kill().unwrap();
    runner.wait().unwrap();

    wait_until("the children are gone", || !children.iter().any(|&pid| is_alive(pid)));
    // Their process groups are gone too.
    for pid in children {
        let group = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), None);
        if group.is_ok() {
            let left = Command::new("ps").args(["-eo", "pgid=,stat="]).output().unwrap();
            let left = String::from_utf8(left.stdout).unwrap();
            let alive = left.lines().any(|line| {
                let mut fields = line.split_whitespace();
                fields.next() == Some(&pid.to_string()) && !fields.next().unwrap().starts_with('Z')
            });
            assert!(!alive, "group {pid} is left");
        }
    }
}

#[test]
fn an_unregistered_child_is_left_alone() {
    let reaper = Reaper::start(Path::new(PROGRAM), None).unwrap();
    let mut kept = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    let mut ended = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    reaper.watch(kept.id(), Signal::SIGTERM).unwrap();
    reaper.watch(ended.id(), Signal::SIGTERM).unwrap();
    reaper.forget(kept.id()).unwrap();

    reaper.close().unwrap();

    assert!(!ended.wait().unwrap().success());
    assert!(is_alive(i32::try_from(kept.id()).unwrap()));
    assert!(reaper.watch(1, Signal::SIGTERM).is_err(), "a closed reaper takes no more");
    kept.kill().unwrap();
    kept.wait().unwrap();
}

#[test]
fn a_missing_program_is_named() {
    let error = Reaper::start(Path::new("/nonexistent/juncture-local"), None).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/juncture-local"), "{error}");
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}
