//! `PUT`: the file is the body.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::{HeaderMap, StatusCode, header};

use super::check::{self, Expected, Sums};
use super::receive::{Keeper, Receiving, Stopped, too_large};
use super::store::{Nameless, Unnamed, Uploads};
use crate::answer::refuse;
use crate::conditions::{Verdict, judge};
use crate::path;
use crate::service::{Asked, Reply};

pub(super) async fn handle(asked: &Arc<Asked>, uploads: &Arc<Uploads>, receiving: &mut Receiving) -> Result<Reply, Stopped> {
    let target = match path::decode(asked.path()) {
        Ok(place) if place.is_dir => {
            return Err(Stopped::refused(Reply::text(StatusCode::CONFLICT, "a name is needed after the slash")));
        }
        Ok(place) => place.path,
        Err(refused) => return Err(Stopped::refused(refuse(refused))),
    };
    if asked.head.headers.contains_key(header::CONTENT_RANGE) {
        // To store a part as if it were the whole would be worse than to refuse it.
        return Err(Stopped::refused(Reply::text(StatusCode::BAD_REQUEST, "parts of files are not accepted; use tus")));
    }
    let declared = asked.header(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if asked.shared.settings.max_upload.is_some_and(|most| declared.is_some_and(|declared| declared > most)) {
        return Err(Stopped::refused(too_large()));
    }
    let expected = expected(&asked.head.headers)?;
    let nameless = prepare(asked, uploads, target.clone()).await?;
    let mut keeper = Keeper::new(Arc::clone(&nameless.file), 0, Sums::of(&expected), None);
    while let Some(bytes) = receiving.next().await? {
        keeper.push(&bytes).await?;
    }
    let (_, sums) = keeper.finish().await?;
    finish(asked, nameless, target, sums, expected).await
}

/// The checksums that the headers tell.
pub(super) fn expected(headers: &HeaderMap) -> Result<Vec<Expected>, Stopped> {
    check::of_headers(headers).map_err(|name| {
        Stopped::refused(Reply::text(StatusCode::BAD_REQUEST, &format!("the {name} checksum in the headers makes no sense")))
    })
}

/// Judges the conditions before the bytes are sent for nothing, and makes a place for them.
async fn prepare(asked: &Arc<Asked>, uploads: &Arc<Uploads>, target: PathBuf) -> Result<Nameless, Stopped> {
    let (asked, uploads) = (Arc::clone(asked), Arc::clone(uploads));
    blocking(move || {
        let there = uploads.validators(&target)?;
        if judge(false, &asked.head.headers, there.as_ref()) != Verdict::Go {
            return Err(Stopped::refused(Reply::text(StatusCode::PRECONDITION_FAILED, "the condition does not hold")));
        }
        Ok(uploads.nameless()?)
    })
    .await
}

/// Checks the sums and gives the file its name.
pub(super) async fn finish(
    asked: &Arc<Asked>,
    nameless: Nameless,
    target: PathBuf,
    sums: Sums,
    expected: Vec<Expected>,
) -> Result<Reply, Stopped> {
    let headers = asked.head.headers.clone();
    let work = asked.line.work();
    blocking(move || {
        let _work = work;
        if let Some(algorithm) = sums.mismatch(&expected) {
            let text = format!("the {algorithm} of what came is another one; nothing was stored");
            return Err(Stopped::refused(Reply::text(StatusCode::BAD_REQUEST, &text)));
        }
        let named = nameless.commit(&target, &headers).map_err(unnamed)?;
        let reply = Reply::new(if named.replaced { StatusCode::NO_CONTENT } else { StatusCode::CREATED });
        Ok(match &named.tag {
            Some(tag) => reply.with(header::ETAG, tag),
            None => reply,
        })
    })
    .await
}

pub(super) fn unnamed(why: Unnamed) -> Stopped {
    match why {
        Unnamed::Condition => Stopped::refused(Reply::text(StatusCode::PRECONDITION_FAILED, "the condition does not hold")),
        Unnamed::Directory => Stopped::refused(Reply::text(StatusCode::CONFLICT, "there is a directory with this name")),
        Unnamed::Io(error) => error.into(),
    }
}

pub(super) async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T, Stopped> + Send + 'static) -> Result<T, Stopped> {
    cede::task::spawn_blocking(job).await.map_err(|error| Stopped::Gone(io::Error::other(error.to_string())))?
}
