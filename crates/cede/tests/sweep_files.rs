//! Each future of `fs` is dropped at its k-th pending poll, for each k: what it was to do is then done or not done, never half, and what is open goes on.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cede::fs::{self, DirBuilder, File, OpenOptions};
use cede::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use cede::runtime::Builder;
use cede::task::spawn_blocking;

#[path = "support/up_to.rs"]
mod up_to;

/// No future here is pending more often.
const MOST: usize = 4;

/// Gives the future up at its `k`-th pending poll; then whatever it began has its time. Its output, if it was ready before.
async fn up_to<F: Future>(k: usize, future: F) -> Option<F::Output> {
    let output = up_to::up_to(k, future).await;
    // There is one blocking thread, and what was begun comes before this.
    spawn_blocking(|| ()).await.unwrap();
    output
}

/// An operation that is given up has been done or has not; one that was not given up has.
async fn done_or_not<F: Future<Output = std::io::Result<T>>, T>(
    k: usize,
    operation: F,
    is_done: impl Fn() -> bool,
    is_not: impl Fn() -> bool,
) {
    let output = up_to(k, operation).await;
    match output {
        Some(result) => drop(result.unwrap()),
        None => assert!(is_done() || is_not()),
    }
    // Where it was not given up, `is_not` may be true as well: some change nothing that can be seen.
}

/// Runs the body for each `k` in a directory of its own.
fn sweep<F>(name: &str, body: impl Fn(usize, PathBuf) -> F)
where
    F: Future<Output = ()>,
{
    for k in 0..MOST {
        let directory = std::env::temp_dir().join(format!("cede-sweep-{name}-{}-{k}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let runtime = Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
        runtime.block_on(body(k, directory.clone()));
        std::fs::remove_dir_all(directory).unwrap();
    }
}

fn holds(path: &Path, content: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|found| found == content)
}

#[test]
fn paths() {
    sweep("paths", |k, directory| async move {
        let [a, b, c, nested] = ["a", "b", "c", "d/e"].map(|name| directory.join(name));
        done_or_not(k, fs::write(&a, "one"), || holds(&a, "one"), || !a.exists()).await;
        std::fs::write(&a, "one").unwrap();
        assert!(up_to(k, fs::read(&a)).await.is_none_or(|read| read.unwrap() == b"one"));
        assert!(up_to(k, fs::read_to_string(&a)).await.is_none_or(|read| read.unwrap() == "one"));
        assert!(up_to(k, fs::metadata(&a)).await.is_none_or(|found| found.unwrap().len() == 3));
        assert!(up_to(k, fs::symlink_metadata(&a)).await.is_none_or(|found| found.unwrap().is_file()));
        assert!(up_to(k, fs::try_exists(&a)).await.is_none_or(|found| found.unwrap()));
        assert!(up_to(k, fs::canonicalize(&a)).await.is_none_or(|found| found.unwrap() == std::fs::canonicalize(&a).unwrap()));
        done_or_not(k, fs::copy(&a, &b), || holds(&b, "one"), || !b.exists()).await;
        let _was_there = std::fs::remove_file(&b);
        done_or_not(k, fs::hard_link(&a, &b), || holds(&b, "one"), || !b.exists()).await;
        let _was_there = std::fs::remove_file(&b);
        done_or_not(k, fs::symlink(&a, &b), || b.is_symlink(), || !b.is_symlink()).await;
        if b.is_symlink() {
            assert!(up_to(k, fs::read_link(&b)).await.is_none_or(|target| target.unwrap() == a));
        }
        done_or_not(k, fs::rename(&a, &c), || holds(&c, "one") && !a.exists(), || holds(&a, "one") && !c.exists()).await;
        std::fs::write(&a, "one").unwrap();
        let mut permissions = std::fs::metadata(&a).unwrap().permissions();
        permissions.set_readonly(true);
        let is_read_only = || std::fs::metadata(&a).unwrap().permissions().readonly();
        done_or_not(k, fs::set_permissions(&a, permissions), is_read_only, || !is_read_only()).await;
        done_or_not(k, fs::remove_file(&a), || !a.exists(), || a.exists()).await;
        done_or_not(k, fs::create_dir_all(&nested), || nested.is_dir(), || !nested.exists()).await;
        std::fs::create_dir_all(&nested).unwrap();
        done_or_not(k, fs::remove_dir(&nested), || !nested.exists(), || nested.is_dir()).await;
        done_or_not(k, fs::create_dir(directory.join("f")), || directory.join("f").is_dir(), || !directory.join("f").exists()).await;
        done_or_not(k, DirBuilder::new().create(directory.join("g")), || directory.join("g").is_dir(), || !directory.join("g").exists())
            .await;
        done_or_not(k, fs::remove_dir_all(directory.join("d")), || !directory.join("d").exists(), || directory.join("d").is_dir()).await;
    });
}

#[test]
fn directories_show_each_entry_once() {
    sweep("directories", |k, directory| async move {
        let mut names: Vec<_> = (0..40).map(|n| format!("{n:02}")).collect();
        names.iter().for_each(|name| std::fs::write(directory.join(name), name).unwrap());
        let Some(entries) = up_to(k, fs::read_dir(&directory)).await else { return };
        let mut entries = entries.unwrap();
        let mut found = Vec::new();
        loop {
            match up_to(k, entries.next_entry()).await {
                Some(Ok(Some(entry))) => {
                    assert!(up_to(k, entry.metadata()).await.is_none_or(|found| found.unwrap().len() == 2));
                    assert!(up_to(k, entry.file_type()).await.is_none_or(|found| found.unwrap().is_file()));
                    found.push(entry.file_name().into_string().unwrap());
                }
                Some(end) => break assert!(end.unwrap().is_none()),
                None => {}
            }
        }
        found.sort();
        names.sort();
        assert_eq!(found, names);
    });
}

#[test]
fn files() {
    sweep("files", |k, directory| async move {
        let path = directory.join("a");
        done_or_not(k, File::create(&path), || holds(&path, ""), || !path.exists()).await;
        let _was_there = std::fs::remove_file(&path);
        done_or_not(k, File::create_new(&path), || holds(&path, ""), || !path.exists()).await;
        std::fs::write(&path, "").unwrap();
        let opened = up_to(k, OpenOptions::new().read(true).write(true).open(&path)).await;
        assert!(up_to(k, File::open(&path)).await.is_none_or(|opened| opened.is_ok()));
        let mut file = match opened {
            Some(file) => file.unwrap(),
            None => OpenOptions::new().read(true).write(true).open(&path).await.unwrap(),
        };
        // Bytes are taken in order or not at all, however often one gives up.
        let mut taken = String::new();
        for n in 0..30 {
            let text = n.to_string();
            if let Some(count) = up_to(k, file.write(text.as_bytes())).await {
                taken.push_str(&text[..count.unwrap()]);
            }
            let _given_up = up_to(k, file.flush()).await;
        }
        file.flush().await.unwrap();
        assert!(holds(&path, &taken), "{taken}");

        let _given_up = up_to(k, file.sync_data()).await;
        let _given_up = up_to(k, file.sync_all()).await;
        assert!(up_to(k, file.metadata()).await.is_none_or(|found| found.unwrap().len() == taken.len() as u64));
        let long = taken.len() as u64 + 5;
        let length = || std::fs::metadata(&path).unwrap().len();
        done_or_not(k, file.set_len(long), || length() == long, || length() == taken.len() as u64).await;
        file.set_len(taken.len() as u64).await.unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let modified = || std::fs::metadata(&path).unwrap().modified().unwrap();
        done_or_not(k, file.set_modified(then), || modified() == then, || modified() > then).await;
        let _given_up = up_to(k, file.set_times(fs::FileTimes::new().set_accessed(then))).await;
        let permissions = std::fs::metadata(&path).unwrap().permissions();
        let _given_up = up_to(k, file.set_permissions(permissions)).await;
        assert!(up_to(k, file.try_clone()).await.is_none_or(|cloned| cloned.is_ok()));

        // A seek that is given up is done or not; reads that are given up read nothing.
        let _given_up = up_to(k, file.seek(std::io::SeekFrom::Start(0))).await;
        file.seek(std::io::SeekFrom::Start(0)).await.unwrap();
        let (mut read, mut buf) = (Vec::new(), [0; 7]);
        loop {
            match up_to(k, file.read(&mut buf)).await {
                Some(Ok(0)) => break,
                Some(count) => read.extend_from_slice(&buf[..count.unwrap()]),
                None => {}
            }
        }
        assert_eq!(String::from_utf8(read).unwrap(), taken);
        let _given_up = up_to(k, file.into_std()).await;
    });
}
