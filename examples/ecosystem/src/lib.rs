//! A board of notes: axum behind rustls, with a feed over WebSockets. Nothing in it knows that its tokio is cede.
#![forbid(unsafe_code)]

mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

pub use tls::{Identity, TlsListener};

/// What people pin to the board.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Note {
    pub author: String,
    pub text: String,
}

#[derive(Clone)]
struct Board {
    notes: Arc<Mutex<Vec<Note>>>,
    feed: broadcast::Sender<Note>,
}

/// `GET` and `POST /notes`, and each new note to whoever listens at `/feed`.
pub fn routes() -> Router {
    let board = Board { notes: Arc::default(), feed: broadcast::channel(64).0 };
    Router::new().route("/notes", get(list).post(add)).route("/feed", get(feed)).with_state(board)
}

async fn list(State(board): State<Board>) -> Json<Vec<Note>> {
    Json(board.notes.lock().unwrap().clone())
}

async fn add(State(board): State<Board>, Json(note): Json<Note>) -> StatusCode {
    board.notes.lock().unwrap().push(note.clone());
    let _listeners = board.feed.send(note);
    StatusCode::CREATED
}

async fn feed(State(board): State<Board>, upgrade: WebSocketUpgrade) -> Response {
    // From here on no note is missed.
    let notes = board.feed.subscribe();
    upgrade.on_upgrade(move |socket| tell(socket, notes))
}

async fn tell(mut socket: WebSocket, mut notes: broadcast::Receiver<Note>) {
    while let Ok(note) = notes.recv().await {
        let text = serde_json::to_string(&note).unwrap();
        if socket.send(Message::text(text)).await.is_err() {
            return;
        }
    }
}

/// A board that is served until it is stopped.
pub struct Server {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Serves a new board at a port of the system's choice.
    pub async fn start(identity: &Identity) -> std::io::Result<Self> {
        let listener = TlsListener::new(TcpListener::bind("127.0.0.1:0").await?, identity);
        let address = listener.address()?;
        let (stop, stopped) = oneshot::channel();
        let serving = axum::serve(listener, routes()).with_graceful_shutdown(async {
            let _whoever_dropped_it = stopped.await;
        });
        Ok(Self { address, stop, task: tokio::spawn(async move { serving.await }) })
    }

    /// Lets what is under way end.
    pub async fn stop(self) -> std::io::Result<()> {
        let _gone_already = self.stop.send(());
        self.task.await.expect("serving does not panic")
    }
}
