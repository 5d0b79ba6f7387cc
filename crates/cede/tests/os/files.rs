//! Files and directories.

use std::io::{ErrorKind, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use cede::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use cede::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use cede::runtime::{Builder, Handle};

use crate::{Scratch, everywhere, poll_once};

#[test]
fn what_is_written_can_be_read() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
        let mut file = File::create_new(&path).await.unwrap();
        file.write_all(&bytes).await.unwrap();
        file.flush().await.unwrap();
        file.rewind().await.unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).await.unwrap();
        assert!(read == bytes);
        assert!(fs::read(&path).await.unwrap() == bytes);
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    });
}

#[test]
fn reading_and_writing_agree_on_the_position() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        fs::write(&path, b"0123456789").await.unwrap();
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        let mut buffer = [0; 3];
        file.read_exact(&mut buffer).await.unwrap();
        file.write_all(b"ab").await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 5);
        assert_eq!(file.seek(SeekFrom::Current(-4)).await.unwrap(), 1);
        file.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"12a");
        assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
        file.set_len(12).await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 9);
        assert_eq!(file.metadata().await.unwrap().len(), 12);
        assert_eq!(fs::read(&path).await.unwrap(), b"012ab56789\0\0");
    });
}

#[test]
fn a_read_that_was_given_up_loses_nothing() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        // Too large to be tried at once, so the first poll starts the read and usually does not see its end.
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &bytes).await.unwrap();
        let mut file = File::open(&path).await.unwrap();
        let mut buffer = vec![0; 100_000];
        let taken = match poll_once(pin!(file.read(&mut buffer))) {
            Poll::Ready(count) => count.unwrap(),
            Poll::Pending => 0,
        };
        let mut first = [0; 10];
        file.read_exact(&mut first).await.unwrap();
        assert_eq!(first, bytes[taken..taken + 10]);
        assert_eq!(file.seek(SeekFrom::Current(5)).await.unwrap(), taken as u64 + 15);
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert!(rest == bytes[taken + 15..]);
    });
}

#[test]
fn the_error_of_a_write_comes_with_the_next() {
    everywhere(|| async {
        let mut full = OpenOptions::new().write(true).open("/dev/full").await.unwrap();
        assert_eq!(full.write(b"x").await.unwrap(), 1);
        assert_eq!(full.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        full.flush().await.unwrap();
        assert_eq!(full.write(b"x").await.unwrap(), 1);
        full.sync_all().await.ok();
        assert_eq!(full.write(b"x").await.unwrap_err().kind(), ErrorKind::StorageFull);
    });
}

#[test]
fn a_file_comes_back_when_nothing_is_under_way() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let mut file = File::create(scratch.path("file")).await.unwrap();
        file.set_max_buf_size(4);
        assert_eq!((file.max_buf_size(), file.write(b"123456").await.unwrap()), (4, 4));
        let mut std = file.into_std().await;
        assert_eq!(std::io::Seek::stream_position(&mut std).unwrap(), 4);
        assert!(File::from_std(std).try_into_std().is_ok());
    });
}

#[test]
fn what_is_cached_is_read_without_a_thread() {
    let scratch = Scratch::new();
    let path = scratch.path("file");
    std::fs::write(&path, b"cached").unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut file = File::from_std(std::fs::File::open(&path).unwrap());
        let mut buffer = [0; 6];
        file.read_exact(&mut buffer).await.unwrap();
        assert_eq!((&buffer, Handle::current().metrics().num_blocking_threads()), (b"cached", 0));
        // Only the pool is believed that this is the end.
        assert_eq!(file.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(Handle::current().metrics().num_blocking_threads(), 1);
    });
}

#[test]
fn a_write_that_was_accepted_is_done_even_if_the_runtime_ends() {
    let scratch = Scratch::new();
    let path = scratch.path("file");
    for limit in [None, Some(Duration::from_secs(10))] {
        std::fs::write(&path, "").unwrap();
        let runtime = Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut file = File::from_std(std::fs::File::options().write(true).open(&path).unwrap());
            let watched = path.clone();
            // Holds the only thread until the write behind it has been done.
            cede::task::spawn_blocking(move || while std::fs::read(&watched).unwrap().is_empty() {});
            let cancelled = cede::task::spawn_blocking(|| panic!("its turn never comes"));
            assert_eq!(file.write(b"promised").await.unwrap(), 8);
            drop((file, cancelled));
        });
        match limit {
            None => drop(runtime),
            Some(limit) => runtime.shutdown_timeout(limit),
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"promised");
    }
}

#[test]
fn a_runtime_that_has_ended_refuses_and_leaves_the_file_usable() {
    let scratch = Scratch::new();
    let path = scratch.path("file");
    let ended = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let handle = ended.handle().clone();
    drop(ended);
    let mut file = File::from_std(std::fs::File::create(&path).unwrap());
    {
        let _inside = handle.enter();
        let write = poll_once(pin!(file.write(b"x")));
        assert!(matches!(write, Poll::Ready(Err(error)) if error.to_string() == "background task failed"));
    }
    cede::block_on(async {
        file.write_all(b"y").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"y");
    });
}

#[test]
fn directories_are_made_listed_and_removed() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let path = scratch.path("a/b");
        assert_eq!(fs::create_dir(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().permissions().mode() & 0o777, 0o700);
        for i in 0..100 {
            fs::write(path.join(i.to_string()), "").await.unwrap();
        }
        let mut names = Vec::new();
        let mut entries = fs::read_dir(&path).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert!(entry.file_type().await.unwrap().is_file() && entry.metadata().await.unwrap().len() == 0);
            names.push(entry.file_name().into_string().unwrap().parse::<u32>().unwrap());
        }
        names.sort_unstable();
        assert!(names.into_iter().eq(0..100));
        assert!(fs::remove_dir(&path).await.is_err());
        fs::remove_dir_all(scratch.path("a")).await.unwrap();
        assert!(!fs::try_exists(&path).await.unwrap());
        assert_eq!(fs::read_dir(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn names_and_links_lead_to_files() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let (file, hard, soft) = (scratch.path("file"), scratch.path("hard"), scratch.path("soft"));
        fs::write(&file, "text").await.unwrap();
        fs::hard_link(&file, &hard).await.unwrap();
        fs::symlink(&file, &soft).await.unwrap();
        assert_eq!(fs::read_link(&soft).await.unwrap(), file);
        assert_eq!(fs::canonicalize(&soft).await.unwrap(), file.canonicalize().unwrap());
        assert!(fs::symlink_metadata(&soft).await.unwrap().is_symlink());
        fs::rename(&file, scratch.path("new")).await.unwrap();
        assert_eq!(fs::read_to_string(&hard).await.unwrap(), "text");
        assert!(!fs::try_exists(&soft).await.unwrap(), "a broken link is nothing");
        assert_eq!(fs::copy(&hard, &file).await.unwrap(), 4);
        fs::remove_file(&hard).await.unwrap();
        assert_eq!(fs::read_to_string(&soft).await.unwrap(), "text");
    });
}

#[test]
fn permissions_and_times_are_set() {
    everywhere(|| async {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        let file = OpenOptions::new().write(true).create(true).mode(0o600).open(&path).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().permissions().mode() & 0o777, 0o600);
        file.set_permissions(std::fs::Permissions::from_mode(0o640)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().permissions().mode() & 0o777, 0o640);
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).await.unwrap();
        let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000);
        file.set_times(FileTimes::new().set_accessed(long_ago)).await.unwrap();
        file.set_modified(long_ago).await.unwrap();
        let metadata = file.try_clone().await.unwrap().metadata().await.unwrap();
        assert_eq!((metadata.accessed().unwrap(), metadata.modified().unwrap()), (long_ago, long_ago));
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    });
}
