//! The redis client, multiplexed, against as much of a server as it needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::AsyncCommands;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_can_be_got() {
    timeout(Duration::from_secs(30), exchange()).await.expect("the client hangs");
}

async fn exchange() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let values = Arc::default();
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&values)));
        }
    });
    let client = redis::Client::open(format!("redis://{address}")).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    let tasks = (0..50).map(|number: usize| {
        let mut connection = connection.clone();
        tokio::spawn(async move {
            let key = format!("key {number}");
            let () = connection.set(&key, number).await.unwrap();
            let value: usize = connection.get(&key).await.unwrap();
            assert_eq!(value, number);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut connection = connection;
    let nothing: Option<String> = connection.get("nothing").await.unwrap();
    assert_eq!(nothing, None);
}

type Values = Arc<Mutex<HashMap<String, String>>>;

async fn serve(stream: TcpStream, values: Values) {
    let mut stream = BufReader::new(stream);
    while let Some(words) = command(&mut stream).await {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = match words[..] {
            ["SET", key, value] => {
                values.lock().unwrap().insert(key.to_owned(), value.to_owned());
                "+OK\r\n".to_owned()
            }
            ["GET", key] => match values.lock().unwrap().get(key) {
                Some(value) => format!("${}\r\n{value}\r\n", value.len()),
                None => "$-1\r\n".to_owned(),
            },
            // What clients say of themselves.
            _ => "+OK\r\n".to_owned(),
        };
        stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
    }
}

/// An array of strings, as redis clients send their commands.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let count = number(stream, '*').await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; number(stream, '$').await? + 2];
        stream.read_exact(&mut word).await.ok()?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8(word).unwrap());
    }
    Some(words)
}

async fn number(stream: &mut BufReader<TcpStream>, kind: char) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.trim().strip_prefix(kind)?.parse().ok()
}
