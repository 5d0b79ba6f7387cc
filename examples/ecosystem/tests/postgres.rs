//! tokio-postgres and sqlx, against a server that speaks as much of PostgreSQL's protocol as they need.
//!
//! It knows one statement, which returns its parameter plus one, and refuses others as PostgreSQL would.

use std::collections::HashSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const STATEMENT: &str = "SELECT $1 + 1";
/// The type of eight-byte integers.
const INT8: i32 = 20;
const SYNTAX_ERROR: &str = "42601";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokio_postgres_pipelines_on_one_connection() {
    timeout(Duration::from_secs(30), pipelined()).await.expect("the client hangs");
}

async fn pipelined() {
    let config = format!("host=127.0.0.1 port={} user=me", server().await);
    let (client, connection) = tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let statement = client.prepare(STATEMENT).await.unwrap();
    let client = std::sync::Arc::new(client);
    let tasks = (0..50_i64).map(|number| {
        let (client, statement) = (client.clone(), statement.clone());
        tokio::spawn(async move {
            let row = client.query_one(&statement, &[&number]).await.unwrap();
            assert_eq!(row.get::<_, i64>(0), number + 1);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let refused = client.query("nonsense", &[]).await.unwrap_err();
    assert_eq!(refused.code().map(|code| code.code()), Some(SYNTAX_ERROR));
    // The connection goes on.
    client.batch_execute("BEGIN").await.unwrap();
    drop((client, statement));
    connection.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_of_sqlx_shares_its_connections() {
    timeout(Duration::from_secs(30), pooled()).await.expect("the pool hangs");
}

async fn pooled() {
    let url = format!("postgres://me@127.0.0.1:{}/me?sslmode=disable", server().await);
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(3).connect(&url).await.unwrap();
    let tasks = (0..50_i64).map(|number| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let value: i64 = sqlx::query_scalar(STATEMENT).bind(number).fetch_one(&pool).await.unwrap();
            assert_eq!(value, number + 1);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let refused = sqlx::query("nonsense").execute(&pool).await.unwrap_err();
    assert_eq!(refused.as_database_error().and_then(|error| error.code()).as_deref(), Some(SYNTAX_ERROR));
    pool.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let config = format!("host=127.0.0.1 port={nobody} user=me");
    assert!(tokio_postgres::connect(&config, tokio_postgres::NoTls).await.is_err());
    let url = format!("postgres://me@127.0.0.1:{nobody}/me");
    let pool = sqlx::postgres::PgPoolOptions::new().acquire_timeout(Duration::from_millis(100)).connect(&url).await;
    assert!(pool.is_err());
}

/// Starts the server; returns its port.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

/// A message, without its length, which comes between the kind and the rest.
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u8) -> Self {
        Self(vec![kind])
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn short(self, number: i16) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn long(self, number: i32) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes()).bytes(&[0])
    }

    fn put(self, answers: &mut Vec<u8>) {
        let (kind, rest) = self.0.split_first().unwrap();
        answers.push(*kind);
        answers.extend((rest.len() as i32 + 4).to_be_bytes());
        answers.extend(rest);
    }
}

/// What a message still holds.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn short(&mut self) -> usize {
        u16::from_be_bytes(self.take(2).try_into().unwrap()).into()
    }

    fn text(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap();
        let text = String::from_utf8(self.take(end).to_vec()).unwrap();
        self.take(1);
        text
    }
}

async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    // Who it is and to which database is all the same.
    let length = stream.read_i32().await?;
    let mut startup = vec![0; length as usize - 4];
    stream.read_exact(&mut startup).await?;
    let mut answers = Vec::new();
    Message::new(b'R').long(0).put(&mut answers);
    Message::new(b'S').text("server_version").text("17.0").put(&mut answers);
    Message::new(b'K').long(1).long(2).put(&mut answers);
    Message::new(b'Z').bytes(b"I").put(&mut answers);
    let mut session = Session::default();
    loop {
        stream.get_mut().write_all(&answers).await?;
        answers.clear();
        let kind = stream.read_u8().await?;
        let length = stream.read_i32().await?;
        let mut body = vec![0; length as usize - 4];
        stream.read_exact(&mut body).await?;
        if kind == b'X' {
            return Ok(());
        }
        session.answer(kind, Rest(&body), &mut answers);
    }
}

#[derive(Default)]
struct Session {
    prepared: HashSet<String>,
    /// The parameter of the statement that runs next.
    bound: i64,
    /// Something was refused: all is ignored until the client asks for an end of that.
    failed: bool,
}

impl Session {
    fn answer(&mut self, kind: u8, mut body: Rest<'_>, answers: &mut Vec<u8>) {
        match kind {
            b'S' => {
                self.failed = false;
                Message::new(b'Z').bytes(b"I").put(answers);
            }
            _ if self.failed => {}
            b'P' => {
                let (name, statement) = (body.text(), body.text());
                if statement == STATEMENT {
                    self.prepared.insert(name);
                    Message::new(b'1').put(answers);
                } else {
                    self.failed = true;
                    let fields = Message::new(b'E').bytes(b"S").text("ERROR").bytes(b"V").text("ERROR");
                    fields.bytes(b"C").text(SYNTAX_ERROR).bytes(b"M").text("syntax error").bytes(&[0]).put(answers);
                }
            }
            b'D' => {
                Message::new(b't').short(1).long(INT8).put(answers);
                let column = Message::new(b'T').short(1).text("sum").long(0).short(0);
                column.long(INT8).short(8).long(-1).short(1).put(answers);
            }
            b'B' => {
                let (_portal, statement) = (body.text(), body.text());
                assert!(self.prepared.contains(&statement));
                let formats = body.short();
                body.take(2 * formats);
                assert_eq!((body.short(), body.take(4)), (1, &[0, 0, 0, 8][..]));
                self.bound = i64::from_be_bytes(body.take(8).try_into().unwrap());
                Message::new(b'2').put(answers);
            }
            b'E' => {
                Message::new(b'D').short(1).long(8).bytes(&(self.bound + 1).to_be_bytes()).put(answers);
                Message::new(b'C').text("SELECT 1").put(answers);
            }
            b'C' => Message::new(b'3').put(answers),
            b'Q' => {
                Message::new(b'C').text("BEGIN").put(answers);
                Message::new(b'Z').bytes(b"I").put(answers);
            }
            _ => {}
        }
    }
}
