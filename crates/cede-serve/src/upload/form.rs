//! `POST` of a form, as a browser sends one: each file of it is stored in the directory of the URL. A file that exists is not replaced: a form cannot say that it should.

use std::io;
use std::sync::Arc;

use futures_util::stream;
use hyper::{HeaderMap, StatusCode, header};
use multer::Multipart;

use super::check::Sums;
use super::put::{blocking, unnamed};
use super::receive::{Keeper, Receiving, Stopped};
use super::store::Uploads;
use crate::answer::refuse;
use crate::body::source::Source;
use crate::path::{self, file_name};
use crate::service::{Asked, Reply};

fn refused(status: StatusCode, text: &str) -> Stopped {
    Stopped::refused(Reply::text(status, text))
}

pub(super) async fn handle(asked: &Arc<Asked>, uploads: &Arc<Uploads>, receiving: &mut Receiving) -> Result<Reply, Stopped> {
    let boundary = asked
        .header(header::CONTENT_TYPE)
        .and_then(|kind| multer::parse_boundary(kind).ok())
        .ok_or_else(|| refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "POST is for forms (multipart/form-data) and for tus"))?;
    let dir = path::decode(asked.path()).map_err(|why| Stopped::refused(refuse(why)))?.path;
    // What stopped the body is not an error of the form.
    let (why_sender, mut why) = cede::sync::mpsc::channel(1);
    let bytes = stream::unfold(Some((receiving, why_sender)), |state| async {
        let (receiving, sender): (&mut Receiving, cede::sync::mpsc::Sender<Stopped>) = state?;
        match receiving.next().await {
            Ok(bytes) => bytes.map(|bytes| (Ok(bytes), Some((receiving, sender)))),
            Err(stopped) => {
                drop(sender.try_send(stopped));
                Some((Err(io::Error::other("stopped")), None))
            }
        }
    });
    let mut form = Multipart::new(bytes, boundary);
    let mut stored = Vec::new();
    loop {
        let field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(error) => {
                return Err(why.try_recv().unwrap_or_else(|_| refused(StatusCode::BAD_REQUEST, &format!("the form is broken: {error}"))));
            }
        };
        let Some(name) = field.file_name().map(str::to_owned) else { continue };
        let name = file_name(&name).ok_or_else(|| refused(StatusCode::BAD_REQUEST, "a file of the form has no usable name"))?.to_owned();
        match store(asked, uploads, dir.join(&name), field).await {
            Err(Stopped::Gone(error)) => return Err(why.try_recv().unwrap_or(Stopped::Gone(error))),
            Err(Stopped::Refused(reply)) if reply.status == StatusCode::PRECONDITION_FAILED => {
                let text = format!("{name} exists; stored before it: {}", stored.join(", "));
                return Err(refused(StatusCode::CONFLICT, &text));
            }
            other => other?,
        }
        stored.push(name);
    }
    if stored.is_empty() {
        return Err(refused(StatusCode::BAD_REQUEST, "there is no file in the form"));
    }
    let mut reply = Reply::new(StatusCode::CREATED).with(header::CONTENT_TYPE, "application/json");
    reply.source = Source::text(format!("{}\n", serde_json::json!({ "stored": stored })));
    Ok(reply)
}

async fn store(
    asked: &Arc<Asked>,
    uploads: &Arc<Uploads>,
    target: std::path::PathBuf,
    mut field: multer::Field<'_>,
) -> Result<(), Stopped> {
    let maker = Arc::clone(uploads);
    let nameless = blocking(move || Ok(maker.nameless()?)).await?;
    let mut keeper = Keeper::new(Arc::clone(&nameless.file), 0, Sums::default(), None);
    while let Some(bytes) = field.chunk().await.map_err(|error| Stopped::Gone(io::Error::other(error)))? {
        keeper.push(&bytes).await?;
    }
    keeper.finish().await?;
    let work = asked.line.work();
    blocking(move || {
        let _work = work;
        let only_new = HeaderMap::from_iter([(header::IF_NONE_MATCH, header::HeaderValue::from_static("*"))]);
        nameless.commit(&target, &only_new).map(drop).map_err(unnamed)
    })
    .await
}
