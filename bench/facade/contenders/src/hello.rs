//! hyper's hello: `hello WORKERS`, where 0 is the one-thread runtime. Says where it listens, then for each line that it reads how much processor time it has used.

mod cpu;

use std::convert::Infallible;
use std::io::stdin;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"Hello, World!"))))
}

async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("port {}", listener.local_addr().unwrap().port());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(hello)).await;
        });
    }
}

fn answer() {
    while stdin().read_line(&mut String::new()).is_ok_and(|count| count > 0) {
        println!("cpu {}", cpu::nanos());
    }
    std::process::exit(0);
}

fn main() {
    std::thread::spawn(answer);
    let workers: usize = std::env::args().nth(1).and_then(|word| word.parse().ok()).expect("hello WORKERS");
    let mut builder = if workers == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().unwrap().block_on(serve());
}
