//! Files in: `PUT`, forms (`POST`), and resumable uploads after the tus protocol.
//!
//! # How a file comes to be
//! Bytes go to a file in a private directory below the root. When they are all there, and right as far as the client told checksums, they are synced, and the file is renamed to its
//! place; then the directory is synced. So at any moment, also after a crash, a name stands for the old file or the new one, and never for a part.
//!
//! Conditions (`If-Match`, `If-None-Match: *`) are judged when the request comes, to save the transfer, and again under a lock just before the rename, which is when they count.

mod check;
mod form;
mod put;
mod receive;
mod store;
mod tus;

use std::io;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, StatusCode, header};

use crate::service::{Asked, Reply};
use receive::{Receiving, Stopped};
pub(crate) use store::Uploads;

/// Whether a GET or HEAD is about an upload, not a file.
pub(crate) fn is_theirs(asked: &Asked) -> bool {
    asked.shared.uploads.is_some() && tus::id(asked.path()).is_some()
}

/// Answers whatever may change something.
pub(crate) async fn handle(asked: &Arc<Asked>, body: Incoming) -> io::Result<Reply> {
    let Some(uploads) = &asked.shared.uploads else {
        return Ok(if asked.head.method == Method::OPTIONS { options(asked) } else { refuse(asked, body, not_allowed(asked)).await });
    };
    let mut receiving = Receiving::new(asked, body);
    let result = dispatch(asked, uploads, &mut receiving).await;
    match result {
        Ok(reply) => Ok(reply),
        Err(Stopped::Gone(error)) => {
            if let Some(how) = receiving.fallen {
                asked.line.cut(how);
            }
            Err(error)
        }
        Err(Stopped::Refused(reply)) => {
            receiving.drain().await;
            Ok(*reply)
        }
    }
}

/// Gives this answer, when the client has said what it has to say.
pub(crate) async fn refuse(asked: &Arc<Asked>, body: Incoming, reply: Reply) -> Reply {
    Receiving::new(asked, body).drain().await;
    reply
}

async fn dispatch(asked: &Arc<Asked>, uploads: &Arc<Uploads>, receiving: &mut Receiving) -> Result<Reply, Stopped> {
    let is_tus = asked.head.headers.contains_key("tus-resumable") || tus::id(asked.path()).is_some();
    match asked.head.method {
        Method::OPTIONS => Ok(tus::options(asked)),
        _ if is_tus => tus::handle(asked, uploads, receiving).await,
        Method::PUT => put::handle(asked, uploads, receiving).await,
        Method::POST => form::handle(asked, uploads, receiving).await,
        _ => Ok(not_allowed(asked)),
    }
}

fn allowed(asked: &Asked) -> &'static str {
    if asked.shared.uploads.is_some() { "GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE" } else { "GET, HEAD, OPTIONS" }
}

pub(crate) fn not_allowed(asked: &Asked) -> Reply {
    let text = if asked.shared.uploads.is_some() {
        "this method is not allowed here"
    } else {
        "this server is for reading; start it with --upload"
    };
    Reply::text(StatusCode::METHOD_NOT_ALLOWED, text).with(header::ALLOW, allowed(asked))
}

fn options(asked: &Asked) -> Reply {
    Reply::new(StatusCode::NO_CONTENT).with(header::ALLOW, allowed(asked))
}
