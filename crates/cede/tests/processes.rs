//! Child processes, on both schedulers.

use std::future::Future;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::Stdio;
use std::task::{Context, Waker};
use std::time::Duration;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::process::Command;
use cede::runtime::Builder;
use cede::time::timeout;

fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    Builder::new_current_thread().enable_all().build().unwrap().block_on(body());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(body());
    let inside = runtime.spawn(body());
    runtime.block_on(inside).unwrap();
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

/// Whether the kernel's table has a process with this number, be it a zombie.
fn exists(id: u32) -> bool {
    std::fs::exists(format!("/proc/{id}")).unwrap()
}

/// Lets others run until the process has left the kernel's table.
async fn gone(id: u32) {
    let waiting = async {
        while exists(id) {
            cede::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), waiting).await.expect("a zombie is left");
}

#[test]
fn a_child_reads_writes_and_ends() {
    everywhere(|| async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writing = cede::spawn(async move { stdin.write_all(&[b'x'; 300_000]).await.unwrap() });
        let mut text = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut text).await.unwrap();
        writing.await.unwrap();
        assert_eq!(text.len(), 300_000);
        let id = child.id().unwrap();
        assert!(child.wait().await.unwrap().success());
        assert!(!exists(id) && child.id().is_none());
        assert!(child.wait().await.unwrap().success() && child.try_wait().unwrap().unwrap().success());
        child.start_kill().unwrap();
    });
}

#[test]
fn output_and_status_say_how_it_was() {
    everywhere(|| async {
        let output = shell("echo out; echo err >&2; exit 3").output().await.unwrap();
        assert_eq!((output.status.code(), &output.stdout[..], &output.stderr[..]), (Some(3), &b"out\n"[..], &b"err\n"[..]));
        let status = shell("kill -TERM $$").status().await.unwrap();
        assert_eq!(status.signal(), Some(libc::SIGTERM));
        let output = Command::new("printenv").env_clear().env("PATH", "/usr/bin:/bin").env("A", "b").arg("A").output().await.unwrap();
        assert_eq!(output.stdout, b"b\n");
    });
}

#[test]
fn a_program_that_does_not_exist_is_not_found() {
    everywhere(|| async {
        assert_eq!(Command::new("/no/such/program").spawn().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(Command::new("/no/such/program").output().await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(Command::new("/etc/passwd").status().await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
fn waiting_can_be_given_up_and_killing_ends_it() {
    everywhere(|| async {
        let mut child = shell("read line").stdin(Stdio::piped()).spawn().unwrap();
        let kept = child.stdin.take();
        for _ in 0..10 {
            assert!(pin!(child.wait()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert!(child.try_wait().unwrap().is_none());
        child.kill().await.unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGKILL));
        drop(kept);
    });
}

#[test]
fn a_dropped_child_leaves_no_zombie() {
    everywhere(|| async {
        let mut child = shell("read line").stdin(Stdio::piped()).spawn().unwrap();
        let (id, stdin) = (child.id().unwrap(), child.stdin.take());
        drop(child);
        assert!(exists(id), "it goes on");
        drop(stdin);
        gone(id).await;
    });
}

#[test]
fn kill_on_drop_kills() {
    everywhere(|| async {
        let child = shell("read line").stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let id = child.id().unwrap();
        let waiting = cede::spawn(child.wait_with_output());
        cede::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        gone(id).await;
    });
}

#[test]
fn many_children_end_at_once() {
    everywhere(|| async {
        let children: Vec<_> = (0..30).map(|_| cede::spawn(async { Command::new("true").status().await.unwrap() })).collect();
        for child in children {
            assert!(child.await.unwrap().success());
        }
    });
}

#[test]
fn a_child_may_be_waited_for_in_another_runtime() {
    let mut child = Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { shell("read line").stdin(Stdio::piped()).spawn().unwrap() });
    let status =
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async move { child.wait().await.unwrap() });
    assert_eq!(status.code(), Some(1), "its input came to an end");
}

#[test]
fn pipes_are_handed_on_to_the_next_child() {
    everywhere(|| async {
        let mut first = shell("echo handed on").stdout(Stdio::piped()).spawn().unwrap();
        let handed: Stdio = first.stdout.take().unwrap().try_into().unwrap();
        let output = Command::new("cat").stdin(handed).output().await.unwrap();
        assert_eq!(output.stdout, b"handed on\n");
        first.wait().await.unwrap();
    });
}

#[test]
fn groups_and_names_are_the_childs_own() {
    everywhere(|| async {
        let output = shell("echo $0; ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat; echo $$")
            .arg0("sh")
            .process_group(0)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words[1], words[2], "it leads its own group");
    });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn outside_of_a_runtime_is_said_so() {
    drop(Command::new("true").spawn());
}
