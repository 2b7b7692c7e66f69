//! The gateway's processes: how they are started, reused, killed, replaced and reaped.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use hyper::{Request, StatusCode};
use support::eventually;
use support::stack::{Stack, assert_message, body};

fn is_running(pid: u32) -> bool {
    Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn instances_run_in_parallel_and_are_reused() {
    let stack = Stack::start(|_| ()).await;
    let folder = tempdir("parallel");
    let go = folder.join("go");
    let wait = async || stack.ask("/echo", "wait-for-file", go.to_str().unwrap()).await;
    let release = async {
        eventually("three instances work at once", || stack.busy() == 3).await;
        std::fs::write(&go, "").unwrap();
    };
    let (first, second, third, ()) = tokio::join!(wait(), wait(), wait(), release);
    let pids: BTreeSet<_> = [&first, &second, &third].map(|response| body(response)["pid"].as_u64()).into();
    assert_eq!(pids.len(), 3);
    let again = stack.pid().await;
    assert!(pids.contains(&Some(again)));
    assert_eq!(stack.pid().await, again, "the most recently used instance is used again");
    assert_eq!(stack.gateway.instances().len(), 3);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn requests_over_the_maximum_wait_for_a_free_instance() {
    let stack = Stack::start(|options| options.max_instances = 1).await;
    let ask = async || body(&stack.ask("/echo", "sleep", "50").await)["pid"].as_u64();
    let (first, second, third) = tokio::join!(ask(), ask(), ask());
    assert!(first.is_some() && first == second && second == third);

    let hasty = async || stack.ask("/hasty", "sleep", "60000").await.status().as_u16();
    let (one, two) = tokio::join!(hasty(), hasty());
    assert_eq!(BTreeSet::from([one, two]), BTreeSet::from([503, 504]), "the wait is bounded by the timeout");
}

#[tokio::test]
async fn a_function_that_exceeds_its_timeout_is_killed() {
    let stack = Stack::start(|_| ()).await;
    let response = stack.ask("/hasty", "sleep", "60000").await;
    assert_message(&response, 504, "Service Unavailable");
    assert!(stack.gateway.instances().is_empty());
    assert!(stack.processes.lock().unwrap().is_empty(), "the process has been waited for");
    assert!(stack.logged("Task timed out after 1.00 seconds"));
    assert_eq!(stack.ask("/hasty", "", "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_crash_answers_502_and_the_next_request_works() {
    let stack = Stack::start(|_| ()).await;
    let before = stack.pid().await;
    let crash = stack
        .send(Request::get("/echo").header("x-do", "crash").header("origin", "http://app.example.com"), "")
        .await;
    assert_message(&crash, 502, "Internal Server Error");
    assert_eq!(crash.headers()["access-control-allow-origin"], "http://app.example.com");
    let after = stack.pid().await;
    assert_ne!(before, after);
    for action in ["error", "panic"] {
        assert_message(&stack.ask("/echo", action, "").await, 502, "Internal Server Error");
    }
    assert_eq!(stack.pid().await, after, "an error that is reported leaves the instance alive");
}

#[tokio::test]
async fn an_instance_killed_from_outside_fails_only_its_own_request() {
    let stack = Stack::start(|_| ()).await;
    let never = tempdir("killed");
    let path = never.join("never").to_str().unwrap().to_owned();
    let killer = async {
        eventually("the instance is busy", || stack.busy() == 1).await;
        eventually("it handles the request", || stack.logged("Echo: handling")).await;
        kill(stack.gateway.instances()[0].pid);
    };
    let (response, ()) = tokio::join!(stack.ask("/echo", "wait-for-file", &path), killer);
    assert_message(&response, 502, "Internal Server Error");

    let idle = u32::try_from(stack.pid().await).unwrap();
    kill(idle);
    eventually("its end is noticed", || stack.gateway.instances().is_empty()).await;
    assert_eq!(stack.ask("/echo", "", "").await.status(), StatusCode::OK);
    std::fs::remove_dir_all(never).unwrap();
}

#[tokio::test]
async fn a_function_that_does_not_start_answers_502() {
    let stack = Stack::start(|_| ()).await;
    assert_message(&stack.ask("/broken", "", "").await, 502, "Internal Server Error");
    assert!(stack.logged("Broken:") && stack.logged("the process exited before it polled for an invocation"));
    assert_message(&stack.ask("/missing", "", "").await, 502, "Internal Server Error");
    assert!(stack.logged("there-is-no-such-file"));
}

#[tokio::test]
async fn a_replaced_function_starts_a_new_process() {
    let stack = Stack::start(|_| ()).await;
    let before = stack.pid().await;
    stack.gateway.replace("Echo").await.unwrap();
    assert!(!is_running(u32::try_from(before).unwrap()));
    let folder = tempdir("replaced");
    let go = folder.join("go");
    let swap = async {
        eventually("an instance is busy", || stack.busy() == 1).await;
        stack.gateway.replace("Echo").await.unwrap();
        std::fs::write(&go, "").unwrap();
    };
    let (finished, ()) = tokio::join!(stack.ask("/echo", "wait-for-file", go.to_str().unwrap()), swap);
    assert_eq!(finished.status(), StatusCode::OK, "a request under way is answered");
    assert_ne!(stack.pid().await, body(&finished)["pid"].as_u64().unwrap());
    assert!(stack.gateway.replace("Nothing").await.is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn idle_instances_are_reaped() {
    let stack = Stack::start(|options| options.idle_timeout = Duration::from_millis(20)).await;
    stack.pid().await;
    eventually("the instance is gone", || stack.gateway.instances().is_empty()).await;
    eventually("its process too", || stack.processes.lock().unwrap().is_empty()).await;
}

#[tokio::test]
async fn shutdown_leaves_no_process_behind() {
    let stack = Stack::start(|_| ()).await;
    let folder = tempdir("shutdown");
    let path = folder.join("never").to_str().unwrap().to_owned();
    stack.ask("/hasty", "", "").await;
    let shutdown = async {
        eventually("an instance is busy", || stack.busy() == 1).await;
        assert_eq!(stack.processes.lock().unwrap().len(), 2);
        stack.gateway.shutdown().await;
        assert!(stack.processes.lock().unwrap().is_empty());
    };
    let (interrupted, ()) = tokio::join!(stack.ask("/echo", "wait-for-file", &path), shutdown);
    assert_message(&interrupted, 502, "Internal Server Error");
    assert!(stack.gateway.instances().is_empty());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn dropping_the_gateway_ends_its_processes() {
    let stack = Stack::start(|_| ()).await;
    let pid = u32::try_from(stack.pid().await).unwrap();
    drop(stack.gateway);
    eventually("the process has ended", || !is_running(pid)).await;
}

#[tokio::test]
async fn a_client_that_leaves_does_not_stop_the_function() {
    let stack = Stack::start(|_| ()).await;
    let folder = tempdir("left");
    let go = folder.join("go");
    let leave = async {
        eventually("the request is handled", || stack.logged("Echo: handling")).await;
    };
    tokio::select! {
        _ = stack.ask("/echo", "wait-for-file", go.to_str().unwrap()) => panic!("answered too early"),
        () = leave => {}
    }
    let pid = stack.gateway.instances()[0].pid;
    std::fs::write(&go, "").unwrap();
    eventually("the instance finishes", || stack.busy() == 0).await;
    assert_eq!(stack.pid().await, u64::from(pid));
    std::fs::remove_dir_all(folder).unwrap();
}

/// A temporary folder for this test run.
fn tempdir(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("juncture-gateway-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
